import { ProtocolError } from "./errors.ts";
import type { Json } from "./json.ts";

export interface JsonStreamLimits {
  /** Bytes of one text. */
  readonly maxBytes: number;
  /** Arrays and objects inside each other. */
  readonly maxDepth: number;
}

const defaultLimits: JsonStreamLimits = { maxBytes: 128 * 1024 * 1024, maxDepth: 64 };

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Cuts a stream of JSON texts that nothing separates (RFC 7047 section 4: JSON-RPC directly over TCP) into texts, and
 * parses them.
 *
 * Each byte is looked at once, however the stream was chopped: brackets outside of strings are counted, and the text
 * ends where the count is back at nothing. UTF-8 needs no decoding for that, since none of its longer sequences
 * contains an ASCII byte. Only arrays and objects may stand at the top: the end of a number could not be seen.
 */
export class JsonStream {
  readonly #limits: JsonStreamLimits;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** Open arrays and objects. 0 between two texts. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** What came of an unfinished text, in the first `#held` bytes. */
  #buffer = new Uint8Array(0);
  #held = 0;
  #failure: ProtocolError | undefined;

  constructor(limits: Partial<JsonStreamLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  /**
   * Takes the next bytes; keeps no view of them. `deliver` gets each text that they complete, in order, before the
   * next is looked at.
   * @throws {ProtocolError} `too-large` | `too-deep` | `bad-utf8` | `bad-json`. The stream is over then: every later
   *   push throws it again.
   */
  push(chunk: Uint8Array, deliver: (value: Json) => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { maxBytes, maxDepth } = this.#limits;
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
      } else if (byte === quote && depth > 0) {
        inString = true;
      } else if (byte === openBrace || byte === openBracket) {
        if (depth === 0) start = at;
        depth += 1;
        if (depth > maxDepth) this.#fail("too-deep", `more than ${maxDepth} arrays and objects inside each other`);
      } else if ((byte === closeBrace || byte === closeBracket) && depth > 0) {
        depth -= 1;
        if (depth === 0) {
          this.#depth = 0;
          this.#inString = false;
          deliver(this.#parse(chunk.subarray(start, at + 1)));
        }
      } else if (depth === 0 && !isSpace(byte)) {
        this.#fail("bad-json", `byte ${byte} where an object should begin`);
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
    if (depth > 0) this.#hold(chunk.subarray(start), maxBytes);
  }

  #parse(tail: Uint8Array): Json {
    let bytes = tail;
    if (this.#held > 0) {
      this.#hold(tail, this.#limits.maxBytes);
      bytes = this.#buffer.subarray(0, this.#held);
    } else if (tail.length > this.#limits.maxBytes) {
      this.#fail("too-large", `a text of more than ${this.#limits.maxBytes} bytes`);
    }
    const text = this.#decode(bytes);
    this.#held = 0;
    // The next text is as small as most are: memory of a large one (the first contents of a database) is not kept for
    // it.
    if (this.#buffer.length > 1024 * 1024) this.#buffer = new Uint8Array(0);
    try {
      return JSON.parse(text);
    } catch (cause) {
      return this.#fail("bad-json", String(cause), cause);
    }
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes);
    } catch (cause) {
      return this.#fail("bad-utf8", "a text that is not UTF-8", cause);
    }
  }

  #hold(bytes: Uint8Array, maxBytes: number): void {
    const length = this.#held + bytes.length;
    if (length > maxBytes) this.#fail("too-large", `a text of more than ${maxBytes} bytes`);
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.#held));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#held);
    this.#held = length;
  }

  #fail(code: "too-large" | "too-deep" | "bad-utf8" | "bad-json", what: string, cause?: unknown): never {
    this.#failure = new ProtocolError(code, what, { cause });
    this.#buffer = new Uint8Array(0);
    this.#held = 0;
    throw this.#failure;
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
