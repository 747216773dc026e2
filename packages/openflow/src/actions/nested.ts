import type { Reader, Writer } from "@dragonflow/wire";
import type { TextContext } from "../text/action-text.ts";
import type { Names } from "../text/names.ts";
import type { Argument, Piece } from "../text/piece.ts";
import type { Action } from "./table.ts";

/** Actions inside an action. */
export interface ActionList extends ReadonlyArray<Action> {}

interface ListCodec {
  write(w: Writer, actions: ActionList): void;
  /** Up to the end of the reader. */
  read(r: Reader): ActionList;
  /** One action. */
  readOne(r: Reader): Action;
}
interface ListText {
  print(actions: ActionList, names: Names): string;
  parse(list: Piece, context: TextContext): ActionList;
  /** One word of the list, which may stand for several actions. */
  parseOne(argument: Argument, context: TextContext): ActionList;
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

export const nestedActions: ListCodec = {
  read: (r) => loaded(listCodec).read(r),
  readOne: (r) => loaded(listCodec).readOne(r),
  write: (w, actions) => loaded(listCodec).write(w, actions),
};
export const nestedText: ListText = {
  print: (actions, names) => loaded(listText).print(actions, names),
  parse: (list, context) => loaded(listText).parse(list, context),
  parseOne: (argument, context) => loaded(listText).parseOne(argument, context),
};
