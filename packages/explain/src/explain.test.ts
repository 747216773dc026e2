/** Two hosts, two routed networks: who reaches whom, and the words for it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { APPS, pipeline } from "@dragonflow/controller";
import { ask, groupOf, names, QUIET, rowsOf, scene } from "./testing/scene.ts";
import { explain } from "./explain.ts";
import { explanationLines, rulesLines } from "./text.ts";
import { World } from "./world.ts";

void [APPS, pipeline, groupOf, QUIET];
describe("a packet", () => {
  test("is followed over both hosts", async () => {
    const world = new World(rowsOf(scene()));
    const question = ask({ from: 11, to: 22, service: "tcp/80" });
    const got = await explain({ apps: APPS, pipeline }, world, question, QUIET);
    const words = { world, names, responders: new Map() };
    console.log([...explanationLines(words, got, { flows: false }), ...rulesLines(words, got)].join("\n"));
    assert.ok(got.passes);
  });
});
