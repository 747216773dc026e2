/** Why bytes could not be decoded. The code is the API; the message is for people. */
export type DecodeCode = "truncated" | "bad-length" | "bad-value" | "unsupported" | "checksum";

/**
 * Bytes that are not what the specification says. `offset` counts from the start of the buffer that the caller handed
 * in.
 */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly code: DecodeCode;
  readonly offset: number;
  constructor(code: DecodeCode, offset: number, what: string) {
    super(`${code} at byte ${offset}: ${what}`);
    this.code = code;
    this.offset = offset;
  }
}

export type EncodeCode = "out-of-range" | "bad-value" | "too-long" | "prerequisite" | "unsupported";

/** A value that has no wire form. `field` names it as the caller spelled it. */
export class EncodeError extends Error {
  override readonly name = "EncodeError";
  readonly code: EncodeCode;
  readonly field: string;
  constructor(code: EncodeCode, field: string, what: string) {
    super(`${code}: ${field}: ${what}`);
    this.code = code;
    this.field = field;
  }
}
