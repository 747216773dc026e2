import assert from "node:assert/strict";
import { test } from "node:test";
import { type Explanation, frameOf, type Headers, type Place, resetOf, World } from "@dragonflow/explain";
import { CliError } from "../errors.ts";
import { send } from "./live.ts";

const words = { world: new World(async () => new Map()), names: new Map(), responders: new Map() };
const headers: Headers = {
  source: "10.0.0.1",
  destination: "10.0.0.2",
  protocol: 6,
  header: { type: "ports", source: 50_000, destination: 22 },
};
const frame = frameOf(headers, { src: "02:00:00:00:00:01", dst: "02:00:00:00:00:02" });

test("a host that says nothing any more: what was begun is ended all the same", async () => {
  const place = (id: string) => ({ id, chassis: "host1", isRouter: false }) as Place;
  const question = { source: place("from"), destination: { place: place("to"), ip: undefined } };
  const explanation = { question, frame, headers, legs: [{}] } as unknown as Explanation;
  const sent: [from: string, frame: Uint8Array, copies: number][] = [];
  let looks = 0;
  const hosts = {
    isReached: async () => true,
    connections: async () => new Map(),
    async counts() {
      if (++looks > 1) throw new CliError("the controller of host1 does not answer");
      return { flows: new Map(), port: undefined };
    },
    async inject({ id }: { readonly id: string }, bytes: Uint8Array, copies: number) {
      sent.push([id, bytes, copies]);
    },
  };
  await assert.rejects(send(words, hosts, explanation), /does not answer/);
  assert.deepEqual(sent, [
    ["from", frame, 5],
    ["from", resetOf(frame), 1],
  ]);
});
