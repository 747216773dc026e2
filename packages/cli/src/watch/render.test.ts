import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { COLOURS, PLAIN, widthOf } from "../screen/palette.ts";
import { FAMILIES } from "./ping-board.ts";
import { renderLab } from "./render.ts";
import type { LabView } from "./view.ts";

const golden = (name: string): string => readFileSync(join(import.meta.dirname, "golden", `${name}.txt`), "utf8");

/** @param vms how many; the odd ones are in one network, the even ones in another */
function viewOf(vms: number, changes: Partial<LabView> = {}): LabView {
  const names = Array.from({ length: vms }, (_, i) => `vm${i + 1}`);
  return {
    lab: "demo",
    seconds: 73,
    hosts: [1, 2, 3].map((i) => ({ name: `host${i}`, state: "up", alive: true })),
    vms: names.map((name, i) => ({
      name,
      host: `host${1 + (i >> 1)}`,
      network: i % 2 === 0 ? "blue" : "green",
      status: "ACTIVE",
      addresses: [`10.${10 + 10 * (i % 2)}.0.${100 + i}`, `fd00:${10 + 10 * (i % 2)}::f816:3eff:fe00:12${10 + i}`],
    })),
    pairs: names.flatMap((from, i) =>
      names
        .slice(i + 1)
        .flatMap((to, j) =>
          FAMILIES.map((family) => ({ from, to, family, rttMs: (family === 4 ? 0.2 : 0.3) + j / 10, recentLoss: 0 })),
        ),
    ),
    totals: FAMILIES.map((family) => ({ family, pairs: 15, sent: 450, lost: 0, averageMs: 0.41 })),
    api: "http://127.0.0.1:9696",
    apiError: null,
    suggestions: ["openstack port list", "bin/dragonflow flows --host host1"],
    ending: "Ctrl-C removes all of it.",
    ...changes,
  };
}

/** Host 3 lost its power, and host 2 its controller; the last VM answers nobody, the one before half of the time. */
function trouble(): LabView {
  const healthy = viewOf(6);
  return {
    ...healthy,
    hosts: [
      { name: "host1", state: "up", alive: true },
      { name: "host2", state: "up", alive: false },
      { name: "host3", state: "down", alive: false },
    ],
    vms: healthy.vms.map((vm) => (vm.host === "host3" ? { ...vm, status: "DOWN" } : vm)),
    pairs: healthy.pairs.map((pair) =>
      pair.to === "vm6"
        ? { ...pair, recentLoss: 1 }
        : pair.to === "vm5"
          ? { ...pair, recentLoss: 0.3 }
          : pair.family === 6
            ? { ...pair, rttMs: null, recentLoss: null }
            : pair,
    ),
    totals: FAMILIES.map((family) => ({ family, pairs: 15, sent: 450, lost: 61, averageMs: 0.41 })),
    apiError: "the API at http://127.0.0.1:9696 does not answer: connect ECONNREFUSED",
  };
}

describe("the live table", () => {
  for (const [name, view, width, height] of [
    ["wide", viewOf(6), 110, 50],
    ["eighty-columns", viewOf(6), 80, 23],
    ["trouble", trouble(), 100, 50],
    ["narrow", viewOf(6), 62, 50],
    ["many-vms", viewOf(20), 80, 60],
    ["empty", viewOf(0, { suggestions: [], pairs: [], totals: [] }), 80, 24],
  ] as const)
    test(`is shown as in golden/${name}.txt`, () => {
      assert.equal(`${renderLab(view, { width, height }, PLAIN).join("\n")}\n`, golden(name));
    });

  test("the demo of three hosts fits a terminal of 80 columns and 24 lines", () => {
    const lines = renderLab(viewOf(6), { width: 80, height: 23 }, PLAIN);
    assert.ok(lines.length <= 23);
    for (const line of lines) assert.ok(widthOf(line) < 80, line);
  });

  test("colours add nothing but colours", () => {
    const frame = { width: 100, height: 50 };
    const coloured = renderLab(trouble(), frame, COLOURS);
    assert.notDeepEqual(coloured, renderLab(trouble(), frame, PLAIN));
    assert.deepEqual(coloured.map(stripVTControlCharacters), renderLab(trouble(), frame, PLAIN));
  });

  test("whatever the window and however many VMs, the frames are whole and as wide as the window allows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 14 }), (width, vms) => {
        const lines = renderLab(viewOf(vms), { width, height: 40 }, PLAIN);
        const frames = lines.filter((line) => /^[╭│╰]/.test(line));
        const widths = new Set(frames.map(widthOf));
        assert.ok(widths.size <= 1, `${[...widths].join()}\n${lines.join("\n")}`);
        for (const line of frames) assert.match(line, /^[╭│╰].*[╮│╯]$/);
        if (width > 40) for (const line of frames) assert.ok(widthOf(line) < width);
      }),
      { numRuns: 200 },
    );
  });

  test("a name that would move the cursor is disarmed", () => {
    const [vm] = viewOf(1).vms;
    assert.ok(vm);
    const lines = renderLab(
      viewOf(1, { vms: [{ ...vm, network: "\x1b[2Jevil\n\x07" }] }),
      { width: 80, height: 24 },
      PLAIN,
    );
    assert.ok(lines.some((line) => line.includes("evil")));
    assert.doesNotMatch(lines.join(""), /\p{Cc}/u);
  });
});
