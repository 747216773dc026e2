/**
 * Every row of the table of actions against a real Open vSwitch: installed, read back equal, printed equal, or refused
 * as recorded.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Writer } from "@dragonflow/wire";
import { ACTIONS, type Action, type ActionType } from "./actions/index.ts";
import { encodeInstructions, type Instructions } from "./instructions.ts";
import type { Match } from "./match.ts";
import { ACTION_SAMPLES } from "./testing/action-samples.ts";
import { type Asked, type Installed, installAll } from "./testing/installed.ts";
import { parseFlow, printActions, printFlow } from "./text/index.ts";

function bytesOf(instructions: Instructions): string {
  const w = new Writer();
  encodeInstructions(w, instructions);
  return Buffer.from(w.slice()).toString("hex");
}

interface Case {
  readonly title: string;
  readonly asked: Asked;
  readonly refused: string | undefined;
  readonly textLoses: boolean;
  result?: Installed;
}

const cases: Case[] = [];
function add(match: Match, instructions: Instructions, refused?: string, textLoses = false): void {
  const title = printFlow({ table: 0, priority: 0x8000, cookie: 0n, match, instructions });
  cases.push({ title, asked: { match, instructions }, refused, textLoses });
}

for (const type of Object.keys(ACTIONS) as ActionType[]) {
  const { refused }: { readonly refused?: string } = ACTIONS[type];
  for (const { match = {}, body, textLoses } of ACTION_SAMPLES[type]) {
    add(match, { apply: [{ type, ...body } as Action] }, refused, textLoses);
  }
}

/** Instructions, and what the canonical form makes of them. */
const output: Action = { type: "output", port: 1 };
const group: Action = { type: "group", group: 1 };
add({}, {});
add({}, { apply: [] });
add({}, { meter: 1, apply: [output] });
add({}, { clear: true });
add({}, { write: [output, group, { type: "set_field", field: "eth_src", value: 1 }] });
add({}, { metadata: { value: 5n } });
add({}, { metadata: { value: 0xffn, mask: 0xfn }, goto: 200 });
add(
  { eth_type: 0x800 },
  { apply: [{ type: "dec_ttl" }, output], clear: true, write: [output], metadata: { value: 1n, mask: 1n }, goto: 253 },
);

before(async () => {
  const results = await installAll(cases.map(({ asked }) => asked));
  for (const [i, one] of cases.entries()) one.result = results[i]!;
});

function check({ result, refused, textLoses }: Case): void {
  assert.ok(result);
  assert.equal(result.refused, refused);
  if (refused !== undefined) return;
  const { sent, back, text } = result;
  assert.ok(back, "is read back");
  assert.ok(text, "is dumped");
  assert.equal(bytesOf(back.instructions), bytesOf(sent.instructions));
  assert.equal(printFlow(back), text);
  const reread = parseFlow(text);
  assert.equal(printFlow(reread), text, "is read as text");
  if (!textLoses) assert.equal(bytesOf(reread.instructions), bytesOf(sent.instructions), "means the same as text");
}

describe("installed", () => {
  for (const one of cases) test(one.title, () => check(one));
});

test("an action without a form for what it holds is refused by the encoder", () => {
  assert.throws(() => bytesOf({ apply: [{ type: "conjunction", id: 1, clause: 2, clauses: 2 }] }), {
    code: "out-of-range",
  });
  assert.throws(() => bytesOf({ apply: [{ type: "ct", force: true }] }), { code: "bad-value" });
  const wide = { field: "xxreg0", start: 0, bits: 65 } as const;
  assert.throws(() => bytesOf({ apply: [{ type: "output_reg", src: wide }] }), { code: "out-of-range" });
  assert.equal(printActions([]), "drop");
});
