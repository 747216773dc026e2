/**
 * Byte cursors, typed errors, and the combinators that codec tables are declared with. No dependencies.
 *
 * A {@link Reader} throws `truncated` by itself; a {@link Codec} is a value with its wire form; {@link struct},
 * {@link bits} and {@link tlvs} make one out of a table of rows.
 */
export { bits } from "./bits.ts";
export type { BitsOf } from "./bits.ts";
export { fixed, list, oneOf, padding, rest, struct, u16, u24, u32, u64, u8 } from "./codec.ts";
export type { Codec, StructOf, ValueOf } from "./codec.ts";
export { DecodeError, EncodeError } from "./errors.ts";
export type { DecodeCode, EncodeCode } from "./errors.ts";
export { Reader } from "./reader.ts";
export { readTlv, tlvs, writeTlv } from "./tlv.ts";
export type { OtherTlv, Tlv, TlvLayout, TlvOf, TlvRow } from "./tlv.ts";
export { Writer } from "./writer.ts";
