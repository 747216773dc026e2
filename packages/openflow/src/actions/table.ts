import { BALANCING_ACTIONS } from "./balancing.ts";
import { CONNTRACK_ACTIONS } from "./conntrack.ts";
import { CONTROLLER_ACTIONS } from "./controller.ts";
import { ENCAPSULATION_ACTIONS } from "./encapsulation.ts";
import { LEARN_ACTIONS } from "./learn.ts";
import { MONITORING_ACTIONS } from "./monitoring.ts";
import type { ActionRow } from "./row.ts";
import { STANDARD_ACTIONS } from "./standard.ts";
import { STEERING_ACTIONS } from "./steering.ts";

/** Every action of ovs-actions(7): one row each, in the file of its family. */
export const ACTIONS = {
  ...STANDARD_ACTIONS,
  ...CONTROLLER_ACTIONS,
  ...CONNTRACK_ACTIONS,
  ...STEERING_ACTIONS,
  ...BALANCING_ACTIONS,
  ...LEARN_ACTIONS,
  ...ENCAPSULATION_ACTIONS,
  ...MONITORING_ACTIONS,
} as const;

export type ActionType = keyof typeof ACTIONS;
type BodyOf<R> = R extends ActionRow<infer T> ? T : never;
type Tagged<T extends string, B> = B extends object ? { readonly type: T } & B : never;

/** One action: its row's name as `type`, and what the row says beside it. */
export type Action = { [T in ActionType]: Tagged<T, BodyOf<(typeof ACTIONS)[T]>> }[ActionType];
/** The action of one type. */
export type ActionOf<T extends ActionType> = Tagged<T, BodyOf<(typeof ACTIONS)[T]>>;
