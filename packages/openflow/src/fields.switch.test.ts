/**
 * Every row of the table of fields against a real Open vSwitch: matched, written, copied; read back equal, printed
 * equal, or refused as recorded.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { EncodeError, Reader, Writer } from "@dragonflow/wire";
import { FIELDS, type FieldName, isFieldName } from "./fields/index.ts";
import { encodeInstructions } from "./instructions.ts";
import { decodeMatch, encodeMatch, type Match } from "./match.ts";
import { copySamples, matchSamples, writeSamples } from "./testing/field-samples.ts";
import { type Asked, type Installed, installAll } from "./testing/installed.ts";
import { parseFlow, printFlow } from "./text/index.ts";

function bytesOf(write: (w: Writer) => void): string {
  const w = new Writer();
  write(w);
  return Buffer.from(w.slice()).toString("hex");
}

/** The same match without views of other fields: what can be printed. */
function canonical(match: Match): Match {
  const w = new Writer();
  encodeMatch(w, match);
  return decodeMatch(new Reader(w.slice()));
}

interface Case {
  readonly name: FieldName;
  readonly title: string;
  readonly asked: Asked;
  readonly refused: string | undefined;
  result?: Installed;
}

const names = Object.keys(FIELDS).filter(isFieldName);
const matches: Case[] = [];
const writes: Case[] = [];
const copies: Case[] = [];
for (const name of names) {
  const {
    identities,
    refused,
    writable,
  }: { identities: readonly unknown[]; refused?: { match?: string; write?: string }; writable?: true } = FIELDS[name];
  if (identities.length === 0) continue;
  for (const { title, match } of matchSamples(name)) {
    matches.push({ name, title, asked: { match, instructions: {} }, refused: refused?.match });
  }
  if (writable === true) {
    for (const { title, match, actions } of writeSamples(name)) {
      writes.push({ name, title, asked: { match, instructions: { apply: actions } }, refused: refused?.write });
    }
  }
  for (const { title, match, actions } of copySamples(name)) {
    copies.push({ name, title, asked: { match, instructions: { apply: actions } }, refused: undefined });
  }
}

const all = [...matches, ...writes, ...copies];

before(async () => {
  const results = await installAll(all.map(({ asked }) => asked));
  for (const [i, one] of all.entries()) one.result = results[i]!;
});

function check({ result, refused }: Case): void {
  assert.ok(result);
  assert.equal(result.refused, refused);
  if (refused !== undefined) return;
  const { sent, back, text } = result;
  assert.ok(back, "is read back");
  assert.ok(text, "is dumped");
  assert.equal(
    bytesOf((w) => encodeMatch(w, back.match)),
    bytesOf((w) => encodeMatch(w, sent.match)),
  );
  assert.equal(
    bytesOf((w) => encodeInstructions(w, back.instructions)),
    bytesOf((w) => encodeInstructions(w, sent.instructions)),
  );
  assert.equal(printFlow({ ...sent, match: canonical(sent.match) }), text);
  assert.equal(printFlow(back), text);
  assert.equal(printFlow(parseFlow(text)), text, "is read as text");
}

describe("matched", () => {
  for (const one of matches) test(one.title, () => check(one));
});
describe("written", () => {
  for (const one of writes) test(one.title, () => check(one));
});
describe("copied", () => {
  for (const one of copies) test(one.title, () => check(one));
});

test("fields without a form on the wire have one under another name, or none", () => {
  const encoded = (match: Match): string => bytesOf((w) => encodeMatch(w, match));
  assert.equal(encoded({ dl_vlan: 5 }), encoded({ vlan_vid: 0x1005 }));
  assert.equal(encoded({ dl_vlan_pcp: 3 }), encoded({ vlan_vid: { value: 0x1000, mask: 0x1000 }, vlan_pcp: 3 }));
  assert.throws(() => encoded({ skb_priority: 1 }), EncodeError);
});
