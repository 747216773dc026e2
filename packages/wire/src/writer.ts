import { EncodeError } from "./errors.ts";

const { latin1Write: write, latin1Slice: read } = Buffer.prototype;

/**
 * A growing big-endian arena. One writer can hold many messages one after another (`length` marks where each begins),
 * which is what makes encoding fast: one allocation for thousands of messages. Lengths that are known only afterwards
 * are patched in with `setU8`, `setU16` and `setU32`.
 */
export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Reserves `count` bytes and returns where they begin. It may replace `#bytes` and `#view`: call it before either
   * is looked up.
   */
  #grow(count: number): number {
    const at = this.#length;
    const need = at + count;
    if (need > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(need, this.#bytes.length * 2));
      bigger.set(this.#bytes.subarray(0, at));
      this.#bytes = bigger;
      this.#view = new DataView(bigger.buffer);
    }
    this.#length = need;
    return at;
  }

  u8(value: number, field = "u8"): this {
    check(value, 0xff, field);
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }
  u16(value: number, field = "u16"): this {
    check(value, 0xffff, field);
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }
  u24(value: number, field = "u24"): this {
    check(value, 0xffffff, field);
    const at = this.#grow(3);
    this.#view.setUint8(at, value >>> 16);
    this.#view.setUint16(at + 1, value & 0xffff);
    return this;
  }
  u32(value: number, field = "u32"): this {
    check(value, 0xffffffff, field);
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }
  u64(value: bigint, field = "u64"): this {
    if (value < 0n || value > 0xffffffffffffffffn)
      throw new EncodeError("out-of-range", field, `${value} is not a u64`);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
    return this;
  }
  /** An unsigned integer of any width. */
  uint(value: bigint, length: number, field = "uint"): this {
    if (value < 0n || value >> BigInt(length * 8) !== 0n) {
      throw new EncodeError("out-of-range", field, `${value} does not fit ${length} bytes`);
    }
    const at = this.#grow(length);
    if (length === 16) {
      this.#view.setBigUint64(at, value >> 64n);
      this.#view.setBigUint64(at + 8, value & 0xffffffffffffffffn);
      return this;
    }
    let rest = value;
    for (let i = length - 1; i >= 0; i--) {
      this.#bytes[at + i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
    return this;
  }
  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }
  /** Bytes that were kept as text, one character each (ISO 8859-1). */
  latin1(value: string): this {
    const { length } = value;
    const at = this.#grow(length);
    write.call(this.#bytes, value, at, length);
    return this;
  }
  zeros(count: number): this {
    const at = this.#grow(count);
    const end = at + count;
    const bytes = this.#bytes;
    // Padding is short: a call of `fill` costs more than the bytes do.
    if (count > 16) bytes.fill(0, at, end);
    else for (let i = at; i < end; i++) bytes[i] = 0;
    return this;
  }
  /** Zeros until the length since `start` is a multiple of `multiple`. */
  align(multiple: number, start = 0): this {
    const over = (this.#length - start) % multiple;
    return over === 0 ? this : this.zeros(multiple - over);
  }
  setU8(at: number, value: number, field = "length"): void {
    check(value, 0xff, field);
    this.#view.setUint8(at, value);
  }
  setU16(at: number, value: number, field = "length"): void {
    check(value, 0xffff, field);
    this.#view.setUint16(at, value);
  }
  setU32(at: number, value: number, field = "length"): void {
    check(value, 0xffffffff, field);
    this.#view.setUint32(at, value);
  }
  /** A copy of what was written, from `start` on. */
  slice(start = 0, end = this.#length): Uint8Array {
    return this.#bytes.slice(start, end);
  }
  /** A view of what was written: valid until the next write. */
  view(start = 0, end = this.#length): Uint8Array {
    return this.#bytes.subarray(start, end);
  }
  /** What was written as text, one character each (ISO 8859-1): short strings that are kept, compared and used as keys cost less than arrays. */
  text(start = 0, end = this.#length): string {
    return read.call(this.#bytes, start, end);
  }
  /** Forgets what was written from `length` on. */
  truncate(length: number): void {
    if (length < 0 || length > this.#length) throw new RangeError(`${length} of ${this.#length} bytes`);
    this.#length = length;
  }
  /** Empties the arena and keeps its memory. */
  reset(): void {
    this.#length = 0;
  }
}

function check(value: number, max: number, field: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new EncodeError("out-of-range", field, `${value} is not 0..${max}`);
}
