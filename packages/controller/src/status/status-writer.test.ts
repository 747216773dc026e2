import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  chassisStatusKind,
  encodeFields,
  type NbRecord,
  portStatusKind,
  record,
  recordId,
  statusTopic,
} from "@dragonflow/model";
import { type Change, Replica, StoreFull, type StoreDriver } from "@dragonflow/store";
import { ManualClock } from "@dragonflow/store/conformance";
import { TestNb } from "../testing/nb.ts";
import { until } from "../testing/until.ts";
import { StatusWriter } from "./status-writer.ts";

const CHASSIS = "host1";
const TOPIC = statusTopic(CHASSIS);

let nb: TestNb;
let store: StoreDriver;
let replica: Replica;
let writer: StatusWriter;
let failures: Error[];
/** Ports, each time that they came up. */
let raised: string[];
/** The changes of each commit that was sent. */
let commits: (readonly Change[])[];
/** What a test puts in the way of commits. */
let refuse: (() => Error | undefined) | undefined;
beforeEach(async () => {
  nb = await TestNb.open(CHASSIS);
  store = await nb.connect();
  start();
});
afterEach(async () => {
  writer.close();
  await replica.close();
  await nb[Symbol.asyncDispose]();
});

function start(clock?: ManualClock): void {
  failures = [];
  raised = [];
  commits = [];
  refuse = undefined;
  replica = new Replica({ watch: store.watch(), onBatch: () => writer.seen(), mayShrink: () => true });
  const commit: StoreDriver["commit"] = (id, changes, expect, signal) => {
    const error = refuse?.();
    if (error !== undefined) return Promise.reject(error);
    commits.push(changes);
    return store.commit(id, changes, expect, signal);
  };
  const listener = {
    onUp: (portIds: readonly string[]) => void raised.push(...portIds),
    onFailure: (error: Error) => void failures.push(error),
  };
  writer = new StatusWriter({ commit }, TOPIC, replica, listener, clock === undefined ? {} : { clock });
  replica.add([TOPIC]);
}

const chassis = (startedAt = "now"): NbRecord =>
  record(chassisStatusKind, {
    id: CHASSIS,
    hostname: CHASSIS,
    tunnelIp: "172.31.0.1",
    encapsulations: ["geneve"],
    release: "test",
    startedAt,
    bridgeMappings: [],
  });
const port = (id: string, up = true): NbRecord => record(portStatusKind, { id, chassis: CHASSIS, up, error: null });
const say = (...records: NbRecord[]): void => writer.say({ records: [chassis(), ...records], isComplete: true });
/** Port -> up, as it stands in the store. */
async function ports(): Promise<Readonly<Record<string, unknown>>> {
  const found: Record<string, unknown> = {};
  for (const [id, { up }] of await nb.records(TOPIC)) if (id.startsWith("port-status/")) found[id.slice(12)] = up;
  return found;
}
const stands = (what: string, wanted: Readonly<Record<string, boolean>>): Promise<void> =>
  until(what, async () => {
    const found = await ports();
    const names = Object.keys(wanted);
    return names.length === Object.keys(found).length && names.every((name) => found[name] === wanted[name]);
  });

test("what is said is written, what is said again is not, what is not said any more goes", async () => {
  say(port("a"), port("b", false));
  await stands("both are there", { a: true, b: false });
  say(port("a"), port("b", false));
  say(port("b"));
  await stands("one is there", { b: true });
  assert.equal(commits.length, 2);
  assert.equal((await nb.records(TOPIC)).get(recordId("chassis-status", CHASSIS))?.["hostname"], CHASSIS);
});

test("one commit at a time: what is said meanwhile goes together in the next, the latest counts", async () => {
  say(port("a"));
  await until("the first is on its way", () => commits.length === 1);
  for (let i = 0; i < 50; i++) say(port("a", i % 2 === 0), port(`p${i}`));
  await stands("the last word", { a: false, p49: true });
  // The first may have been acknowledged by then: so the first of these goes alone, and all others together.
  assert.ok(commits.length <= 3, `${commits.length} commits`);
});

test("until all is known nothing is taken back", async () => {
  say(port("a"), port("b"));
  await stands("both are there", { a: true, b: true });
  writer.say({ records: [chassis("later")], isComplete: false });
  await until("the host is", async () => JSON.stringify([...(await nb.records(TOPIC)).values()]).includes("later"));
  assert.deepEqual(await ports(), { a: true, b: true });
  say(port("a"));
  await stands("now it is", { a: true });
});

test("nothing is written before it is known what stands there: a restart writes the difference only", async () => {
  say(port("a"), port("b"));
  await stands("both are there", { a: true, b: true });
  writer.close();
  await replica.close();
  start();
  say(port("a"), port("b", false));
  await stands("one differs", { a: true, b: false });
  assert.equal(commits.flat().length, 1);
  assert.deepEqual(raised, []);
  say(port("a"), port("b"));
  await stands("it is up again", { a: true, b: true });
  await until("that is told", () => raised.length > 0);
  assert.deepEqual(raised, ["b"]);
});

test("what a server deletes or changes there is written again", async () => {
  say(port("a"), port("b"));
  await stands("both are there", { a: true, b: true });
  const id = (name: string) => recordId("port-status", name);
  await nb.commit([
    { op: "delete", topic: TOPIC, id: recordId("chassis-status", CHASSIS) },
    { op: "delete", topic: TOPIC, id: id("a") },
    { op: "put", topic: TOPIC, id: id("b"), value: encodeFields(port("b", false).fields) },
    { op: "put", topic: TOPIC, id: id("d"), value: encodeFields(port("d").fields) },
  ]);
  await stands("all is as it was", { a: true, b: true });
  await nb.commit([{ op: "put", topic: TOPIC, id: id("a"), value: new TextEncoder().encode("{}") }]);
  await stands("nonsense as well", { a: true, b: true });
});

test("what others wrote beside our fields, and records of kinds that we do not know, stay", async () => {
  const newer = { ...port("a", false).fields, since: "a newer release" };
  await nb.commit([
    { op: "put", topic: TOPIC, id: recordId("port-status", "a"), value: encodeFields(newer) },
    { op: "put", topic: TOPIC, id: recordId("learned", "x"), value: encodeFields({ id: "x" }) },
  ]);
  say(port("a"));
  await stands("it is up", { a: true });
  const records = await nb.records(TOPIC);
  assert.equal(records.get("port-status/a")?.["since"], "a newer release");
  assert.ok(records.has("learned/x"));
});

test("a store that is another one now is told everything that it does not know", async () => {
  const restore = await nb.backup();
  say(port("a"), port("b"));
  await stands("both are there", { a: true, b: true });
  await restore();
  assert.deepEqual(await ports(), {});
  await stands("both are there again", { a: true, b: true });
});

test("while the store is away the last word waits, however long", async () => {
  say(port("a"));
  await stands("it is there", { a: true });
  await nb.wire.close();
  await until("it is away", () => replica.state(TOPIC) === "stale");
  const before = commits.length;
  for (let i = 0; i < 20; i++) say(port("a", i % 2 === 0), port(`p${i}`));
  await nb.wire.open();
  await stands("the last word", { a: false, p19: true });
  assert.equal(commits.length, before + 1);
  assert.deepEqual(failures, []);
});

test("a commit whose outcome is not known is made good for", async () => {
  say(port("a"));
  await stands("it is there", { a: true });
  for (let i = 0; i < 5; i++) {
    say(port("a", false), port(`p${i}`));
    nb.wire.cut();
    await stands("it is there", { a: false, [`p${i}`]: true });
    say(port("a"));
    await stands("and again", { a: true });
  }
});

test("a store that is full is asked less and less often, and gets it in the end", async () => {
  writer.close();
  await replica.close();
  const clock = new ManualClock();
  start(clock);
  await until("it is known what stands there", () => replica.state(TOPIC) === "current");
  let asked = 0;
  refuse = () => {
    asked++;
    return new StoreFull("the disk");
  };
  say(port("a"));
  await until("it waits", () => clock.pending === 1);
  // What is said meanwhile does not hurry it.
  for (let i = 0; i < 100; i++) say(port("a", i % 2 === 0));
  assert.equal(asked, 1);
  for (let n = 2; n <= 10; n++) {
    clock.advance(5000);
    await until("it was asked again", () => asked === n && clock.pending === 1);
  }
  assert.equal(failures.length, 1);
  refuse = undefined;
  clock.advance(5000);
  await stands("it is there", { a: false });
});

test("a thousand ports come in commits that every store takes", async () => {
  const many = Array.from({ length: 1000 }, (_, i) => port(`p${i}`));
  say(...many);
  await stands("all are there", Object.fromEntries(many.map((_, i) => [`p${i}`, true])));
  assert.ok(commits.every((changes) => changes.length <= 100));
  assert.equal(commits.flat().length, 1001);
});

test("closed, it writes nothing more", async () => {
  writer.close();
  say(port("a"));
  writer.seen();
  await new Promise(setImmediate);
  assert.equal(commits.length, 0);
});
