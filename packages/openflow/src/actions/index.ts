/** Actions: the table, its codec, and the types of what the rows hold. */
export { decodeActions, encodeActions } from "./codec.ts";
export type { ConnTrack, Nat, NatAddresses } from "./conntrack.ts";
export type { Controller, PacketInReason } from "./controller.ts";
export type { ActionList } from "./nested.ts";
export type { ActionForm, ActionRow } from "./row.ts";
export type { CopyField, DecTtl, Output, SetField } from "./standard.ts";
export type { CheckPacketLarger, Conjunction, OutputReg, Resubmit } from "./steering.ts";
export { ACTIONS } from "./table.ts";
export type { Action, ActionOf, ActionType } from "./table.ts";
