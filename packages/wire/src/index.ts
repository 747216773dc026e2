/** Byte cursors and typed errors: what every codec of Dragonflow is made of. No dependencies. */
export { DecodeError, EncodeError } from "./errors.ts";
export type { DecodeCode, EncodeCode } from "./errors.ts";
export { Reader } from "./reader.ts";
export { Writer } from "./writer.ts";
