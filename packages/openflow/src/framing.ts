import { DecodeError } from "@dragonflow/wire";
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from "./messages/header.ts";

/**
 * Cuts a byte stream into messages, wherever the chunks of the stream happen to end. Copies only the message that two
 * chunks share.
 */
export class Framer {
  readonly #maxMessageBytes: number;
  readonly #head = new Uint8Array(HEADER_BYTES);
  /** The message that is not complete, once its length is known. */
  #message: Uint8Array | undefined;
  /** How much there is of it. */
  #filled = 0;
  #broken: DecodeError | undefined;

  constructor(maxMessageBytes = MAX_MESSAGE_BYTES) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Set once a header gave a length that cannot be: nothing behind it can be found any more. */
  get broken(): DecodeError | undefined {
    return this.#broken;
  }

  /** The messages that are complete with this chunk: views of it where they lie in it whole. */
  push(chunk: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length && this.#broken === undefined) {
      at = this.#filled === 0 ? this.#start(chunk, at, messages) : this.#resume(chunk, at, messages);
    }
    return messages;
  }

  #start(chunk: Uint8Array, at: number, messages: Uint8Array[]): number {
    const left = chunk.length - at;
    if (left < HEADER_BYTES) {
      this.#head.set(chunk.subarray(at));
      this.#filled = left;
      return chunk.length;
    }
    const length = this.#length(chunk, at);
    if (length === undefined) return chunk.length;
    if (left >= length) {
      messages.push(chunk.subarray(at, at + length));
      return at + length;
    }
    this.#message = new Uint8Array(length);
    this.#message.set(chunk.subarray(at));
    this.#filled = left;
    return chunk.length;
  }

  #resume(chunk: Uint8Array, at: number, messages: Uint8Array[]): number {
    const target = this.#message ?? this.#head;
    const end = Math.min(chunk.length, at + target.length - this.#filled);
    target.set(chunk.subarray(at, end), this.#filled);
    this.#filled += end - at;
    if (this.#message === undefined && this.#filled === HEADER_BYTES) {
      const length = this.#length(this.#head, 0);
      if (length === undefined) return chunk.length;
      this.#message = new Uint8Array(length);
      this.#message.set(this.#head);
    }
    if (this.#message !== undefined && this.#filled === this.#message.length) {
      messages.push(this.#message);
      this.#message = undefined;
      this.#filled = 0;
    }
    return end;
  }

  #length(bytes: Uint8Array, at: number): number | undefined {
    const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    if (length >= HEADER_BYTES && length <= this.#maxMessageBytes) return length;
    this.#broken = new DecodeError("bad-length", at + 2, `a message of ${length} bytes`);
    return undefined;
  }
}
