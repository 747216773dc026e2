/** Why does a packet pass, or not? Follows it over all hosts, by what each would compile from the model, and says it in the model's own words. */
export { type Known, type KnownConnection } from "./connections.ts";
export { type Ending, follow, type Hosts, type Leg } from "./follow.ts";
export { frameOf, type Headers } from "./frame.ts";
export { ExplainError } from "./errors.ts";
export { type Circumstances, explain, type Explanation, type Question } from "./explain.ts";
export { compileHost, type Host, type HostFacts, type Program } from "./host.ts";
export type { Place } from "./next-hop.ts";
export { familyOf, parseFrame, parseService } from "./question.ts";
export { World, type ReadTopics } from "./world.ts";
