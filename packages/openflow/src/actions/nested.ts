import type { Codec, Reader, Writer } from "@dragonflow/wire";
import type { TextContext } from "../text/action-text.ts";
import type { Names } from "../text/names.ts";
import type { Piece } from "../text/piece.ts";
import type { Action } from "./table.ts";

/** Actions inside an action. */
export interface ActionList extends ReadonlyArray<Action> {}

interface ListCodec {
  encode(w: Writer, actions: ActionList): void;
  decode(r: Reader): ActionList;
}
interface ListText {
  print(actions: ActionList, names: Names): string;
  parse(list: Piece, context: TextContext): ActionList;
}

let listCodec: ListCodec | undefined;
let listText: ListText | undefined;

/** Rows hold lists of actions, and the table holds the rows: who knows the table registers itself here. */
export function registerActionList(codec: ListCodec): void {
  listCodec = codec;
}
export function registerActionText(text: ListText): void {
  listText = text;
}

function loaded<T>(part: T | undefined): T {
  if (part === undefined) throw new ReferenceError("the table of actions is not loaded");
  return part;
}

export const nestedActions: Codec<ActionList> = {
  read: (r) => loaded(listCodec).decode(r),
  write: (w, actions) => loaded(listCodec).encode(w, actions),
};
export const nestedText: ListText = {
  print: (actions, names) => loaded(listText).print(actions, names),
  parse: (list, context) => loaded(listText).parse(list, context),
};
