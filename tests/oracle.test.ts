import assert from "node:assert/strict";
import { test } from "node:test";
import { fateOf } from "@dragonflow/evaluator";
import { sentChoices, sentOf } from "@dragonflow/evaluator/testing";
import fc from "fast-check";
import { ExactlyMany, sceneChoices, sceneOf } from "./support/oracle/scene.ts";
import { describeWay, differenceOf, legsOf } from "./support/oracle/ways.ts";

const FULL = process.env["DRAGONFLOW_FULL"] === "1";
const TOPOLOGIES = Number(process.env["N"] ?? (FULL ? 500 : 20));
const PACKETS = 200;
const SEED = Number(process.env["DRAGONFLOW_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test("pure", async (t) => {
  t.diagnostic(`DRAGONFLOW_SEED=${SEED}`);
  const many = new ExactlyMany(sentChoices, PACKETS);
  const count = { packets: 0, answers: {} as any, gets: 0, ends: {} as any };
  await fc.assert(
    fc.asyncProperty(sceneChoices, many, async (choice, packets) => {
      const scene = await sceneOf(choice);
      for (const packet of packets) {
        const sent = sentOf(scene.topology, packet);
        const fate = fateOf(scene.topology, sent, scene.isPlugged);
        const legs = await legsOf(scene, sent);
        const difference = differenceOf(fate, legs, sent);
        count.packets++;
        count.gets += fate.receivers.filter(({ verdict }) => verdict.allowed).length;
        if (fate.answer) {
          const k = fate.answer.by + (fate.answer.frame ? "" : " silent");
          count.answers[k] = (count.answers[k] ?? 0) + 1;
        }
        for (const e of fate.ends) {
          const k = e.replace(/[0-9a-f:.-]{6,}/g, "X");
          count.ends[k] = (count.ends[k] ?? 0) + 1;
        }
        if (difference !== undefined) assert.fail(`${difference}\n${describeWay(scene, sent, fate, legs)}`);
      }
    }),
    { numRuns: TOPOLOGIES, seed: SEED },
  );
  t.diagnostic(JSON.stringify(count, null, 1));
});
