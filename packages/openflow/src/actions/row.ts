import type { Codec } from "@dragonflow/wire";
import type { ErrorName } from "../error-table.ts";
import type { ActionText } from "../text/action-text.ts";

/**
 * One form of an action on the wire: an OpenFlow action type, or a subtype behind 0xffff and its experimenter, and what
 * stands behind the header (behind the subtype, for an experimenter's).
 */
export interface ActionForm<T extends object = object> {
  readonly experimenter: number;
  readonly type: number;
  readonly body: Codec<T>;
  /** Can this form hold the action? Absent: any. */
  holds?(action: T): boolean;
}

/** One action: how it is spelled, and its forms, of which the first that can hold it is written and all are read. */
export interface ActionRow<T extends object = object> {
  readonly text: ActionText<T>;
  readonly forms: readonly [ActionForm<T>, ...ActionForm<T>[]];
  /** What vswitchd 3.1 on the userspace datapath answers, where it refuses the action. */
  readonly refused?: ErrorName;
}

const NICIRA = 0x2320;

/** A form of OpenFlow 1.5.1 section 7.2.6. */
export function openflow<T extends object>(
  type: number,
  body: Codec<T>,
  holds?: (action: T) => boolean,
): ActionForm<T> {
  return { experimenter: 0, type, body, ...(holds && { holds }) };
}

/** A form of the Nicira extensions. */
export function nicira<T extends object>(type: number, body: Codec<T>, holds?: (action: T) => boolean): ActionForm<T> {
  return { experimenter: NICIRA, type, body, ...(holds && { holds }) };
}

/** A row of the table of actions. */
export function action<T extends object>(
  text: ActionText<NoInfer<T>>,
  first: ActionForm<T>,
  ...others: readonly ActionForm<T>[]
): ActionRow<T> {
  return { text, forms: [first, ...others] };
}

/** A row that vswitchd refuses. */
export function refusedAction<T extends object>(refused: ErrorName, row: ActionRow<T>): ActionRow<T> {
  return { ...row, refused };
}
