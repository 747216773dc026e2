/**
 * Arbitrary flows against a real Open vSwitch: none is refused, each is read back as the same bytes and printed as the
 * same text.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Writer } from "@dragonflow/wire";
import fc from "fast-check";
import type { Flow } from "./flow.ts";
import { encodeInstructions } from "./instructions.ts";
import { encodeMatch } from "./match.ts";
import { anyFlow } from "./testing/flow-arbitraries.ts";
import { type Installed, installAll } from "./testing/installed.ts";
import { parseFlow, printFlow } from "./text/index.ts";

const FLOWS = 1500;
const SEED = 20_231;

function bytesOf({ match, instructions }: Pick<Flow, "match" | "instructions">): string {
  const w = new Writer();
  encodeMatch(w, match);
  encodeInstructions(w, instructions);
  return Buffer.from(w.slice()).toString("hex");
}

/** What a flow says beside match and instructions: each flow gets one of these. */
const OPTIONS: readonly Partial<Flow>[] = [
  {},
  { idleTimeoutSeconds: 0xffff },
  { hardTimeoutSeconds: 1000, importance: 7 },
  { flags: ["send_flow_rem"] },
  { flags: ["reset_counts", "no_pkt_counts", "no_byt_counts"], idleTimeoutSeconds: 1000, importance: 0xffff },
];

let installed: Installed[] = [];
before(async () => {
  const flows = fc.sample(anyFlow, { numRuns: FLOWS, seed: SEED });
  installed = await installAll(flows.map((flow, i) => ({ ...flow, ...OPTIONS[i % OPTIONS.length] })));
});

describe(`${FLOWS} flows`, () => {
  test("none is refused", () => {
    const refused = installed.filter((one) => one.refused !== undefined);
    assert.deepEqual(
      refused.map(({ sent, refused: code }) => `${code}: ${printFlow(sent)}`),
      [],
    );
  });
  test("each is read back", () => {
    for (const { sent, back } of installed) {
      assert.ok(back, printFlow(sent));
      assert.equal(bytesOf(back), bytesOf(sent), printFlow(sent));
      assert.deepEqual({ ...back, match: {}, instructions: {} }, { ...sent, match: {}, instructions: {} });
    }
  });
  test("each is printed as ovs-ofctl prints it", () => {
    for (const { back, text } of installed) assert.equal(back && printFlow(back), text);
  });
  test("each is read as text and means the same", () => {
    for (const { text = "", back } of installed) {
      const parsed = parseFlow(text);
      assert.equal(printFlow(parsed), text);
      // Of tunnels and NSH ovs-ofctl does not print everything.
      if (back === undefined || Object.keys(back.match).some((name) => /^(tun|nsh)_/.test(name))) continue;
      assert.equal(bytesOf(parsed), bytesOf(back), text);
    }
  });
});
