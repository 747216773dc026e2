import assert from "node:assert/strict";
import { test } from "node:test";
import { networkTopic, recordId } from "@dragonflow/model";
import fc from "fast-check";
import { commitId, lineage, ORIGIN, position, type Row, version } from "../contract.ts";
import {
  type ClientFrame,
  decodeClientFrame,
  decodeServerFrame,
  encodeClientFrame,
  encodeServerFrame,
  type ServerFrame,
} from "./frames.ts";
import { ProtocolError } from "./json.ts";
import { decodeCommitted, encodeCommitted } from "./values.ts";

const topic = networkTopic("n");
const id = recordId("port", "p/1");
const head = { lineage: lineage("l"), position: position("17") };
const row: Row = { id, version: version("17"), value: Buffer.from('{"a":"é"}') };
const binary: Row = { id, version: version("18"), value: Buffer.from([0, 0xff, 0x7b]) };

const CLIENT_FRAMES: readonly ClientFrame[] = [
  { type: "get", request: 1, topic, id },
  { type: "head", request: 2, topic },
  {
    type: "commit",
    request: 3,
    id: commitId("c"),
    changes: [
      { op: "put", topic, id, value: row.value },
      { op: "put", topic, id, value: binary.value },
      { op: "delete", topic, id },
    ],
    expect: [
      { kind: "absent", topic, id },
      { kind: "present", topic, id },
      { kind: "version", topic, id, version: version("17") },
      { kind: "topic-unchanged", topic, since: ORIGIN },
    ],
  },
  { type: "lease", request: 4, name: "chassis/x", ttlSeconds: 5, holder: "h" },
  { type: "lease", request: 4, name: "chassis/x", ttlSeconds: 5, holder: "h", resume: version("3") },
  { type: "release", request: 5, name: "chassis/x", fence: version("3") },
  { type: "cancel", request: 5, name: "chassis/x" },
  { type: "add", watch: 1, generation: 2, once: false, subscriptions: [{ topic }, { topic, from: head }] },
  { type: "drop", watch: 1, topics: [topic] },
  { type: "close", watch: 1 },
  { type: "ack", pages: 3 },
  { type: "ping", number: 9 },
];
const SERVER_FRAMES: readonly ServerFrame[] = [
  {
    type: "welcome",
    capabilities: {
      atomic: "all-topics",
      durable: "local-disk",
      watch: "data",
      resume: "recent",
      delivery: "topic",
      lease: true,
      rangeDelete: false,
      serverSideFilter: false,
      auth: ["tls"],
      limits: { opsPerCommit: 1, bytesPerCommit: 2, bytesPerRecord: 3, listPage: 4 },
    },
    frameBytes: 100,
    silenceSeconds: 15,
  },
  { type: "answer", request: 1, result: null },
  { type: "error", request: 1, error: { code: "unavailable", message: "away" } },
  { type: "error", request: 1, error: { code: "too-large", message: "m", limit: "x", allowed: 1, actual: 2 } },
  { type: "pong", number: 1 },
  { type: "lost", name: "x", fence: version("3") },
  { type: "refused", watch: 1, error: { code: "forbidden", message: "no" } },
  { type: "began", watch: 1, generation: 2, topics: [topic] },
  { type: "snapshot", watch: 1, topic, head },
  { type: "page", watch: 1, topic, rows: [row, binary], last: true },
  {
    type: "commit",
    watch: 1,
    commit: {
      topic,
      ...head,
      prev: ORIGIN,
      commit: commitId("c"),
      alsoTouches: [{ topic: networkTopic("m"), position: position("17") }],
      puts: [row, binary],
      deletes: [{ id, version: version("17") }],
    },
  },
  {
    type: "commit",
    watch: 1,
    commit: {
      topic,
      ...head,
      prev: ORIGIN,
      commit: commitId("c"),
      committedAtMs: 1_700_000_000_000,
      alsoTouches: [],
      puts: [],
      deletes: [],
    },
  },
  { type: "current", watch: 1, topics: [topic] },
  { type: "stale", watch: 1, reason: "overflow", topics: [topic] },
];

test("every frame comes out as it went in", () => {
  for (const frame of CLIENT_FRAMES) assert.deepEqual(decodeClientFrame(encodeClientFrame(frame)), frame);
  for (const frame of SERVER_FRAMES) assert.deepEqual(decodeServerFrame(encodeServerFrame(frame)), frame);
  const committed = {
    ok: true,
    lineage: lineage("l"),
    positions: new Map([[topic, position("1")]]),
    replayed: true,
  } as const;
  assert.deepEqual(decodeCommitted(JSON.parse(JSON.stringify(encodeCommitted(committed)))), committed);
});

function mustBeTyped(decode: (text: string) => unknown, text: string): void {
  try {
    decode(text);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `${text}: ${String(error)}`);
  }
}

test("frames that are cut, altered or invented are refused with a typed error", () => {
  const client = CLIENT_FRAMES.map(encodeClientFrame);
  const server = SERVER_FRAMES.map(encodeServerFrame);
  for (const text of client)
    for (let i = 0; i < text.length; i++) assert.throws(() => decodeClientFrame(text.slice(0, i)), ProtocolError);
  for (const text of server)
    for (let i = 0; i < text.length; i++) assert.throws(() => decodeServerFrame(text.slice(0, i)), ProtocolError);
  const json = fc.oneof(fc.jsonValue(), fc.constantFrom("", "a", "refs/x", "network/", -1, 1.5));
  fc.assert(
    fc.property(fc.constantFrom(...client, ...server), fc.nat(), json, fc.boolean(), (text, pick, value, drop) => {
      // One field, anywhere inside, is another value or missing.
      let place = 0;
      const count = { fields: 0 };
      JSON.parse(text, (key, each: unknown) => {
        if (key !== "") count.fields++;
        return each;
      });
      const target = pick % count.fields;
      const altered: unknown = JSON.parse(text, (key, each: unknown) => {
        if (key === "" || place++ !== target) return each;
        return drop ? undefined : value;
      });
      mustBeTyped(decodeClientFrame, JSON.stringify(altered));
      mustBeTyped(decodeServerFrame, JSON.stringify(altered));
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      mustBeTyped(decodeClientFrame, text);
      mustBeTyped(decodeServerFrame, text);
    }),
  );
});
