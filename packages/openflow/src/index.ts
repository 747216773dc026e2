/** OpenFlow 1.5 with the Nicira extensions, as Open vSwitch 3.1 speaks them. */
export * from "./actions/index.ts";
export * from "./connection.ts";
export * from "./error-table.ts";
export * from "./errors.ts";
export * from "./fields/index.ts";
export * from "./flow.ts";
export * from "./framing.ts";
export * from "./instructions.ts";
export * from "./match.ts";
export * from "./messages/index.ts";
export * from "./numbers.ts";
export * from "./socket.ts";
export * from "./text/index.ts";
