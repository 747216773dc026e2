/** Why does a packet pass, or not? Follows it over all hosts, by what each would compile from the model, and says it in the model's own words. */
export { isTracked, type Known, type KnownConnection } from "./connections.ts";
export { ExplainError } from "./errors.ts";
export { type Circumstances, explain, type Explanation, type Question } from "./explain.ts";
export { follow, type Leg } from "./follow.ts";
export { frameOf, type Headers, resetOf } from "./frame.ts";
export { compileHost, type Host, type HostFacts, type Program } from "./host.ts";
export { explanationJson } from "./json.ts";
export {
  cookiesOf,
  type FlowCount,
  isThrough,
  lastSeen,
  liveLeg,
  type LiveLeg,
  liveLines,
  type Sent,
  sentLines,
} from "./live.ts";
export type { Place } from "./next-hop.ts";
export { familyOf, parseFrame, parseService } from "./question.ts";
export { compareWithSwitch, type SwitchCheck, switchQuestion } from "./switch.ts";
export { explanationLines, rulesLines, whyNotLines } from "./text.ts";
export type { Vocabulary } from "./words.ts";
export { type WhyNot, whyNot } from "./why-not.ts";
export { type ReadTopics, World } from "./world.ts";
