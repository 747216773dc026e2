/** The model: user-level objects, the NB records that they are projected to, and the topics that these live in. No behaviour, no dependencies. */
export * from "./kind.ts";
export * from "./objects/projection.ts";
export { PROTOCOLS, protocolNumber } from "./objects/protocols.ts";
export * from "./objects/types.ts";
export * from "./records/chassis.ts";
export * from "./records/index.ts";
export * from "./records/network.ts";
export * from "./records/port.ts";
export * from "./records/questions.ts";
export * from "./records/router.ts";
export * from "./records/security-group.ts";
export * from "./rule-order.ts";
export { ShapeError } from "./schema.ts";
/** Checks of JSON from outside, for whoever reads more than records. */
export * as shapes from "./schema.ts";
export * from "./topics.ts";
