/** For tests of whatever must agree with the evaluator: random clouds with packets near the rules' edges. */
export { type Case, type CaseChoice, caseOf, cases, describeCase } from "./cases.ts";
export { type CloudChoice, cloudChoices, type CloudOptions, recordsOf } from "./clouds.ts";
export { frameOf } from "./frames.ts";
export { type PacketChoice, packetChoices } from "./packets.ts";
export { HOSTS } from "./pools.ts";
export { type SentChoice, sentChoices, sentOf } from "./sent.ts";
export { bytesOf, frameIn } from "./wire.ts";
