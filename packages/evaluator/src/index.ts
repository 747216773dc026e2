/**
 * What must become of a packet, from the model alone: the oracle for whatever compiles flows. It shares no code with that, and is written to be seen to
 * be right. {@link evaluate} decides about the rules at the two ends of a packet, {@link fateOf} about its whole way.
 */
export { type AnyRecord, type Cloud, cloudOf } from "./cloud.ts";
export { type Evaluation, evaluate } from "./evaluate.ts";
export type { ExemptionName } from "./exempt.ts";
export type { Connection, End, IcmpMessage, IpPacket, OtherPacket, Packet, Place, Ports } from "./packet.ts";
export { describeVerdict, REASONS, type Verdict } from "./verdict.ts";
export type { Answer, Answerer } from "./whole/answers.ts";
export { type Fate, fateOf, type Receiver, type Sent } from "./whole/fate.ts";
export { type ArpContent, type Frame, frameText, type IpContent, type Said } from "./whole/frame.ts";
export { isIpv6, Topology } from "./whole/topology.ts";
