/** What apps are written with: stages, tables, registers, steps, desired state; and how all of it becomes OpenFlow. */
export { isIpv6, linkLocalText, parseIpv6, parseMac } from "./addresses.ts";
export * from "./app.ts";
export * from "./cookie.ts";
export * from "./desired.ts";
export * from "./match.ts";
export * from "./output.ts";
export * from "./pipeline.ts";
export * from "./priority.ts";
export * from "./registers.ts";
export * from "./responder.ts";
export * from "./rows.ts";
export * from "./served-here.ts";
export * from "./stages.ts";
export * from "./steps.ts";
export * from "./table.ts";
export * from "./towards.ts";
export * from "./trace/index.ts";
