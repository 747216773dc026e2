import { DecodeError } from "./errors.ts";

/**
 * A cursor over big-endian bytes. Every read checks the end first and throws {@link DecodeError} `truncated`, so that
 * a decoder needs no length arithmetic of its own. A sub-reader sees only its slice, and reports offsets in the
 * buffer of its parent.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  /** Offset of the next byte, in the buffer that the first reader was made of. */
  get offset(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#end - this.#at;
  }
  get done(): boolean {
    return this.#at >= this.#end;
  }

  #take(length: number, what: string): number {
    const at = this.#at;
    if (length < 0 || at + length > this.#end) {
      throw new DecodeError("truncated", at, `${what} needs ${length} bytes, ${this.#end - at} left`);
    }
    this.#at = at + length;
    return at;
  }

  u8(what = "u8"): number {
    return this.#view.getUint8(this.#take(1, what));
  }
  u16(what = "u16"): number {
    return this.#view.getUint16(this.#take(2, what));
  }
  u24(what = "u24"): number {
    const at = this.#take(3, what);
    return (this.#view.getUint8(at) << 16) | this.#view.getUint16(at + 1);
  }
  u32(what = "u32"): number {
    return this.#view.getUint32(this.#take(4, what));
  }
  u64(what = "u64"): bigint {
    return this.#view.getBigUint64(this.#take(8, what));
  }
  /** An unsigned integer of any width. */
  uint(length: number, what = "uint"): bigint {
    const at = this.#take(length, what);
    if (length === 16) return (this.#view.getBigUint64(at) << 64n) | this.#view.getBigUint64(at + 8);
    let value = 0n;
    for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(this.#view.getUint8(at + i));
    return value;
  }
  /** A view, not a copy: valid as long as the buffer is not reused. */
  bytes(length: number, what = "bytes"): Uint8Array {
    const at = this.#take(length, what);
    return this.#bytes.subarray(at, at + length);
  }
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }
  /** What was read since `offset`: a view, for checksums over what has just been decoded. */
  since(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#at);
  }
  skip(length: number, what = "padding"): void {
    this.#take(length, what);
  }
  /** A reader of the next `length` bytes; this one goes on behind them. */
  sub(length: number, what = "structure"): Reader {
    const at = this.#take(length, what);
    return new Reader(this.#bytes, at, at + length);
  }
  /** Another reader of the same slice, from `offset` on: for formats with pointers back (domain names). */
  fork(offset: number): Reader {
    if (offset < 0 || offset > this.#end) throw new DecodeError("bad-value", this.#at, `a pointer to byte ${offset}`);
    return new Reader(this.#bytes, offset, this.#end);
  }
  peekU8(ahead = 0): number {
    if (this.#at + ahead >= this.#end) throw new DecodeError("truncated", this.#at, "peek");
    return this.#view.getUint8(this.#at + ahead);
  }
  peekU16(ahead = 0): number {
    if (this.#at + ahead + 2 > this.#end) throw new DecodeError("truncated", this.#at, "peek");
    return this.#view.getUint16(this.#at + ahead);
  }
  fail(what: string, code: DecodeError["code"] = "bad-value"): never {
    throw new DecodeError(code, this.#at, what);
  }
}
