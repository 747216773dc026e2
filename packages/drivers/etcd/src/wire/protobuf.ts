/**
 * Protocol Buffers, version 3 (protobuf.dev/programming-guides/encoding), as far as etcd's API needs them. A default is not written, and what is
 * absent reads as its default. A field is `number << 3 | wire type`, then its value; a field that nobody knows is passed over.
 */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

export class ProtobufError extends Error {
  override readonly name = "ProtobufError";
}

/** Writes one message, field by field. */
export class Writer {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  /** int64 or an enumeration. */
  integer(field: number, value: number | bigint): void {
    if (Number(value) === 0) return;
    this.#varint((field << 3) | VARINT);
    this.#varint(value);
  }
  flag(field: number, value: boolean): void {
    this.integer(field, value ? 1 : 0);
  }
  bytes(field: number, value: Uint8Array | string): void {
    if (value.length > 0) this.#block(field, typeof value === "string" ? Buffer.from(value) : value);
  }
  /** Present also when it is empty. */
  message<T>(field: number, encode: Encode<T>, value: T): void {
    this.#block(field, encoded(encode, value));
  }
  messages<T>(field: number, encode: Encode<T>, values: readonly T[]): void {
    for (const value of values) this.message(field, encode, value);
  }
  done(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #block(field: number, value: Uint8Array): void {
    this.#varint((field << 3) | BYTES);
    this.#varint(value.length);
    this.#room(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }
  #varint(value: number | bigint): void {
    this.#room(10);
    if (typeof value === "number" && value >= 0 && value <= 0x7fffffff) {
      let rest = value;
      for (; rest > 0x7f; rest >>>= 7) this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      this.#buffer[this.#length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#length++] = Number(rest);
  }
  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
export type Encode<T> = (writer: Writer, value: T) => void;

export function encoded<T>(encode: Encode<T>, value: T): Buffer {
  const writer = new Writer();
  encode(writer, value);
  return writer.done();
}

/** Reads one message: `next` says which field comes, and one of the others takes its value. */
export class Reader {
  readonly #buffer: Buffer;
  #at = 0;
  #wire = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }
  /** The number of the next field; undefined at the end. */
  next(): number | undefined {
    if (this.#at >= this.#buffer.length) return undefined;
    const tag = Number(this.#varint());
    this.#wire = tag & 7;
    return tag >>> 3;
  }
  /** int64 or an enumeration. Revisions, counters and versions stay below 2^53. */
  integer(): number {
    const raw = this.#expect(VARINT).#varint();
    const value = typeof raw === "number" ? raw : Number(BigInt.asIntN(64, raw));
    if (!Number.isSafeInteger(value)) throw new ProtobufError(`${raw} is more than a number holds`);
    return value;
  }
  /** Identities of 64 bits. */
  identity(): bigint {
    return BigInt(this.#expect(VARINT).#varint());
  }
  flag(): boolean {
    return this.integer() !== 0;
  }
  bytes(): Buffer {
    return this.#expect(BYTES).#block();
  }
  text(): string {
    return this.bytes().toString("utf8");
  }
  message<T>(decode: Decode<T>): T {
    return decode(new Reader(this.bytes()));
  }
  skip(): void {
    if (this.#wire === VARINT) this.#varint();
    else if (this.#wire === BYTES) this.#block();
    else if (this.#wire === FIXED64) this.#take(8);
    else if (this.#wire === FIXED32) this.#take(4);
    else throw new ProtobufError(`wire type ${this.#wire} at byte ${this.#at}`);
  }

  #expect(wire: number): this {
    if (this.#wire !== wire) throw new ProtobufError(`wire type ${this.#wire}, not ${wire}, at byte ${this.#at}`);
    return this;
  }
  #block(): Buffer {
    return this.#take(Number(this.#varint()));
  }
  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#buffer.length) throw new ProtobufError(`cut short at byte ${this.#at}`);
    const value = this.#buffer.subarray(this.#at, end);
    this.#at = end;
    return value;
  }
  #varint(): number | bigint {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 4; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    let large = BigInt(value);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      large |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return large;
    }
    throw new ProtobufError(`a number of more than 64 bits at byte ${this.#at}`);
  }
  #byte(): number {
    const byte = this.#buffer[this.#at++];
    if (byte === undefined) throw new ProtobufError(`cut short at byte ${this.#buffer.length}`);
    return byte;
  }
}
export type Decode<T> = (reader: Reader) => T;

/** A decoder: `start` makes the message with its defaults, `take` reads one field into it, and says false for one that it does not know. */
export function decoder<T>(
  start: () => T,
  take: (value: T, field: number, reader: Reader) => undefined | false,
): Decode<T> {
  return (reader) => {
    const value = start();
    for (let field = reader.next(); field !== undefined; field = reader.next())
      if (take(value, field, reader) === false) reader.skip();
    return value;
  };
}
