import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defineApp,
  defineSetIndex,
  defineTable,
  derive,
  deriveGroups,
  each,
  type GroupRow,
  LOCAL,
  putRow,
  type Read,
  removeRow,
  type Unit,
  type View,
} from "./define.ts";
import { Engine } from "./engine.ts";
import {
  attachment,
  cloud,
  flowOutput,
  HOST_TOPIC,
  isRoot,
  localPort,
  localPorts,
  network,
  networkTopic,
  router,
  routerTopic,
} from "./fixture.ts";
import { SimulatedHost, type State } from "./simulated-host.ts";

test("network - router - network: the cycle goes with the last local port", () => {
  const engine = new Engine({ apps: [cloud], output: flowOutput, roots: isRoot });
  const state: State = [
    network(1),
    network(2),
    network(3),
    attachment(1, 1, 1),
    attachment(2, 2, 1),
    router(1, [1, 2]),
  ];
  const topics = [networkTopic("n1"), networkTopic("n2"), routerTopic("r1")];
  engine.apply([localPort(1, 1)], [{ partition: HOST_TOPIC, state: "current" }]);
  assert.deepEqual([...engine.interest()], [networkTopic("n1")]);
  engine.apply(
    state,
    [...topics, networkTopic("n3")].map((partition) => ({ partition, state: "current" })),
  );
  assert.deepEqual([...engine.interest()].sort(), topics, "network 3 is there, and nobody wants it");
  const { interest } = engine.apply([removeRow(localPorts, HOST_TOPIC, "p1")]);
  assert.deepEqual([...interest.dropped].sort(), topics);
  assert.deepEqual([...engine.interest()], []);
});

test("a host is delivered what its ports reach, round by round, and nothing else", () => {
  const host = new SimulatedHost([cloud], { output: flowOutput, roots: isRoot });
  const cloudRows: State = [
    ...[1, 2, 3, 4].map((n) => network(n)),
    attachment(1, 1, 1),
    attachment(2, 2, 1),
    attachment(3, 3, 2),
    attachment(4, 4, 2),
    router(1, [1, 2]),
    router(2, [3, 4]),
  ];
  host.show([localPort(1, 1), ...cloudRows]);
  assert.deepEqual([...host.engine.interest()].sort(), ["network/n1", "network/n2", "router/r1"]);
  host.show([localPort(1, 4), ...cloudRows]);
  assert.deepEqual([...host.engine.interest()].sort(), ["network/n3", "network/n4", "router/r2"]);
  host.show(cloudRows);
  assert.deepEqual([...host.engine.interest()], []);
});

interface Link {
  readonly id: string;
  readonly to: string;
}
/** In a root: makes the topic `to` wanted. */
const steps = defineTable<Link>("step");
/** In a topic: makes leaf/`to` wanted, by way of a derived row. */
const links = defineTable<Link>("link");
const targets = defineTable<{ readonly id: string }>("target");
const seen = defineTable<GroupRow>("seen");
const leaves = defineTable<{ readonly id: string }>("leaf");
const byTarget = defineSetIndex(links, "by-target", (link) => [{ key: link.to, member: "seen" }]);
const ofTargets = defineSetIndex(targets, "of-targets", ({ id }) => [{ key: id, member: "seen" }]);
const rowView = derive(targets, { layer: 1 }, links, ({ to }) => [{ id: to }]);
const groupView = deriveGroups(seen, { layer: 1 }, byTarget);
const leafView = derive(leaves, { layer: 2 }, seen, ({ id }) => [{ id }]);
const readLeaf = ({ id }: { readonly id: string }, read: Read): string[] => [
  `leaf/${id} ${read.rows(links, `leaf/${id}`).length}`,
];

const TOPICS = ["root/1", "root/2", "topic/1", "topic/2", "leaf/x"];

function linked(views: readonly View[], unit: Unit<string>) {
  const step = each<Link, string>(steps, ({ id, to }, read) => [`step/${id} ${read.rows(links, to).length}`]);
  const engine = new Engine<string>({
    apps: [defineApp<string>({ name: "linked", views, units: [step, unit] })],
    output: { keyOf: (text) => text.split(" ")[0] ?? "", same: (a, b) => a === b },
    roots: (partition) => partition.startsWith("root/"),
  });
  engine.apply(
    [1, 2].map((n) => goTo(n)),
    TOPICS.map((partition) => ({ partition, state: "current" })),
  );
  return engine;
}
const goTo = (n: number) => putRow(steps, `root/${n}`, { id: `${n}`, to: `topic/${n}` });
const leave = (n: number) => removeRow(steps, `root/${n}`, `${n}`);
const link = (n: number, id: string) => putRow(links, `topic/${n}`, { id, to: "x" });
const unlink = (n: number, id: string) => removeRow(links, `topic/${n}`, id);

test("a unit on a derived row is anchored where the owner of the row is, and moves with it", () => {
  const copies = derive(leaves, { layer: 2 }, targets, ({ id }) => [{ id }]);
  const grouped = deriveGroups(seen, { layer: 2 }, ofTargets);
  for (const [views, unit] of [
    [[rowView], each(targets, readLeaf)],
    [[rowView, copies], each(leaves, readLeaf)],
    [[rowView, grouped], each(seen, readLeaf)],
  ] as const) {
    const engine = linked(views, unit);
    engine.apply([link(1, "a")]);
    assert.deepEqual([...engine.interest()].sort(), ["leaf/x", "topic/1", "topic/2"]);
    // The derived row stays equal while its owner becomes another one, in another partition.
    const { set, removed } = engine.apply([unlink(1, "a"), link(2, "a")]);
    assert.deepEqual([[...set.keys()].sort(), removed.size], [["step/1", "step/2"], 0]);
    assert.deepEqual(engine.apply([leave(1)]).interest.dropped, ["topic/1"]);
    engine.apply([goTo(1)]);
    assert.deepEqual([...engine.apply([leave(2)]).interest.dropped].sort(), ["leaf/x", "topic/2"]);
  }
});

test("a derived row moves with its owner even while the view that makes it waits", () => {
  const waiting = derive(leaves, { layer: 2 }, targets, ({ id }, read) => {
    read.rows(steps, "root/2");
    return [{ id }];
  });
  const engine = linked([rowView, waiting], each(leaves, readLeaf));
  engine.apply([link(1, "a")]);
  engine.apply([unlink(1, "a"), link(2, "a")], [{ partition: "root/2", state: "pending" }]);
  assert.deepEqual(
    engine
      .pendingUnits()
      .map(({ owner }) => owner.table)
      .sort(),
    ["step", "target"],
  );
  assert.deepEqual(engine.apply([leave(1)]).interest.dropped, ["topic/1"]);
});

test("a unit on a group row, or on a row derived from it, is anchored wherever a row of the group is", () => {
  for (const [views, unit] of [
    [[groupView], each(seen, readLeaf)],
    [[groupView, leafView], each(leaves, readLeaf)],
  ] as const) {
    const engine = linked(views, unit);
    engine.apply([link(1, "a")]);
    engine.apply([link(2, "a"), link(2, "b")]);
    assert.deepEqual(engine.apply([leave(1)]).interest.dropped, ["topic/1"], "topic/2 still leads to the leaf");
    engine.apply([unlink(1, "a")]);
    engine.apply([unlink(2, "a")]);
    assert.deepEqual([...engine.interest()].sort(), ["leaf/x", "topic/2"], "one row of two is left");
    engine.apply([goTo(1), link(1, "c")]);
    engine.apply([unlink(2, "b")]);
    assert.deepEqual([...engine.apply([leave(1)]).interest.dropped].sort(), ["leaf/x", "topic/1"]);
    assert.equal(engine.output("leaf/x"), "leaf/x 0", "a topic that lingers keeps its outputs until it is dropped");
    engine.apply([], [{ partition: "topic/1", state: "dropped" }]);
    assert.equal(engine.output("leaf/x"), undefined);
  }
});

test("reading a derived row does not keep the topics of its owners wanted", () => {
  const engine = linked(
    [rowView],
    each<Link, string>(steps, ({ id }, read) => [`sees/${id} ${read.has(targets, LOCAL, "x")}`]),
  );
  engine.apply([link(1, "a")]);
  assert.equal(engine.output("sees/2"), "sees/2 true");
  engine.apply([leave(1)]);
  assert.deepEqual([...engine.interest()], ["topic/2"], "as from scratch: nobody asks for topic/1");
});
