import assert from "node:assert/strict";
import { test } from "node:test";
import { networkTopic, type Topic } from "@dragonflow/model";
import { lineage, type Poke, position } from "../contract.ts";
import { Unavailable } from "../errors.ts";
import { MemoryPubSub, type PokeFault } from "./memory.ts";

const [A, B] = [networkTopic("a"), networkTopic("b")];
const poke = (topic: Topic, at: number): Poke => ({ topic, lineage: lineage("l"), position: position(String(at)) });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test("pokes come to who subscribed to their topic, until the subscription ends", async () => {
  const shared = new MemoryPubSub();
  const [publisher, reader] = [shared.connect(), shared.connect()];
  const heard: string[] = [];
  const subscription = await reader.subscribe(new Set([A]), ({ topic, position: at }) => heard.push(`${topic} ${at}`));
  await publisher.publish(poke(A, 1));
  await publisher.publish(poke(B, 2));
  await settled();
  await subscription[Symbol.asyncDispose]();
  await publisher.publish(poke(A, 3));
  await settled();
  assert.deepEqual(heard, [`${A} 1`]);
  await reader.close();
  await assert.rejects(reader.publish(poke(A, 4)), Unavailable);
  await assert.rejects(
    reader.subscribe(new Set([A]), () => undefined),
    Unavailable,
  );
});

test("it loses, repeats and reorders as it is told", async () => {
  const faults: PokeFault[] = ["lost", "repeated", "late", "none"];
  const shared = new MemoryPubSub({ reach: "network", auth: [] }, () => faults.shift() ?? "none");
  const client = shared.connect();
  const heard: string[] = [];
  await client.subscribe(new Set([A]), ({ position: at }) => heard.push(at));
  for (let at = 1; at <= 4; at++) await client.publish(poke(A, at));
  await settled();
  assert.deepEqual(heard, ["2", "2", "4", "3"]);
  await client.close();
});
