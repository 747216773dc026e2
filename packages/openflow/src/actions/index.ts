/** Actions: the table, its codec, and the types of what the rows hold. */
export type { Bundle, BundleLoad, HashFields, Multipath } from "./balancing.ts";
export { decodeActions, encodeActions } from "./codec.ts";
export type { ConnTrack, Nat, NatAddresses } from "./conntrack-types.ts";
export type { Controller, PacketInReason } from "./controller.ts";
export type { Decap, Encap, EncapHeader, NshProperty, NshTlv } from "./encapsulation.ts";
export type { Learn, LearnSource, LearnSpec } from "./learn-types.ts";
export type { Sample } from "./monitoring.ts";
export type { ActionList } from "./nested.ts";
export type { ActionForm, ActionRow } from "./row.ts";
export type { CopyField, DecTtl, Output, SetField } from "./standard.ts";
export type { CheckPacketLarger, Conjunction, FinTimeout, OutputReg, Resubmit } from "./steering.ts";
export { ACTIONS } from "./table.ts";
export type { Action, ActionOf, ActionType } from "./table.ts";
