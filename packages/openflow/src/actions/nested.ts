import type { Codec, Reader, Writer } from "@dragonflow/wire";
import type { Action } from "./table.ts";

/** Actions inside an action. */
export interface ActionList extends ReadonlyArray<Action> {}

interface ListCodec {
  encode(w: Writer, actions: ActionList): void;
  decode(r: Reader): ActionList;
}

let list: ListCodec | undefined;

/** The table of actions registers itself here: rows hold lists of actions, and the table holds the rows. */
export function registerActionList(codec: ListCodec): void {
  list = codec;
}

function codec(): ListCodec {
  if (list === undefined) throw new ReferenceError("the table of actions is not loaded");
  return list;
}

export const nestedActions: Codec<ActionList> = {
  read: (r) => codec().decode(r),
  write: (w, actions) => codec().encode(w, actions),
};
