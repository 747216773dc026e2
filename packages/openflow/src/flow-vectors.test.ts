/** Text beside bytes, as ovs-ofctl has both: each way, and the decoders on every part of the bytes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError, Reader, Writer } from "@dragonflow/wire";
import type { Flow } from "./flow.ts";
import { decodeInstructions, encodeInstructions } from "./instructions.ts";
import { decodeMatch, encodeMatch } from "./match.ts";
import { type FlowVector, readFlowVectors } from "./testing/flow-vectors.ts";
import { parseFlow, printFlow } from "./text/index.ts";

const vectors = readFlowVectors();

function decode({ match, instructions }: FlowVector): Flow {
  const padded = new Writer().bytes(match).align(8).slice();
  return {
    table: 0,
    priority: 0x8000,
    cookie: 0n,
    match: decodeMatch(new Reader(padded)),
    instructions: decodeInstructions(new Reader(instructions)),
  };
}

function encode({ match, instructions }: Flow): string {
  const w = new Writer();
  encodeMatch(w, match);
  const matchBytes = w.slice(0, 2 ** 8 * (w.view()[2] ?? 0) + (w.view()[3] ?? 0));
  w.reset();
  encodeInstructions(w, instructions);
  return `${Buffer.from(matchBytes).toString("hex")} ${Buffer.from(w.slice()).toString("hex")}`;
}

function bytesOf({ match, instructions }: FlowVector): string {
  return `${Buffer.from(match).toString("hex")} ${Buffer.from(instructions).toString("hex")}`;
}

test("the vectors are there", () => assert.ok(vectors.length > 290));

describe("text to bytes and back", () => {
  for (const vector of vectors) {
    test(vector.given, () => {
      const parsed = parseFlow(vector.given);
      const decoded = decode(vector);
      const printed = vector.same ? vector.printed : printFlow(parseFlow(vector.printed));
      assert.equal(printFlow(decoded), printed, "the bytes print as theirs");
      if (vector.same) assert.equal(encode(parsed), bytesOf(vector), "the text makes their bytes");
      assert.equal(encode(decoded), encode(parsed), "bytes and text are the same flow");
    });
  }
});

/** Runs a decoder, which may fail in no other way than its own. */
function survive(decoder: () => unknown): void {
  try {
    decoder();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

test("decoders survive truncation at every byte", () => {
  for (const { match, instructions } of vectors) {
    for (let end = 0; end < match.length; end++) survive(() => decodeMatch(new Reader(match, 0, end)));
    for (let end = 0; end < instructions.length; end++) {
      survive(() => decodeInstructions(new Reader(instructions, 0, end)));
    }
  }
});

test("decoders survive every byte changed", () => {
  for (const { match, instructions } of vectors) {
    for (const [bytes, decoder] of [
      [match, decodeMatch],
      [instructions, decodeInstructions],
    ] as const) {
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice();
        for (const bits of [0x01, 0x80, 0xff]) {
          changed[at] = (bytes[at] ?? 0) ^ bits;
          survive(() => decoder(new Reader(changed)));
        }
      }
    }
  }
});
