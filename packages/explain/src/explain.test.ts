/** Two hosts, two routed networks: how far each packet gets, and the words for it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { APPS, pipeline } from "@dragonflow/controller";
import type { RowChange } from "@dragonflow/engine";
import { networkTopic, routerTopic } from "@dragonflow/model";
import { localPorts, networks, ports, routerPorts, routers, subnets } from "@dragonflow/pipeline";
import { groupId, identity, ipv4, networkId, portId, routerId, verifyGolden } from "@dragonflow/pipeline/testing";
import type { KnownConnection } from "./connections.ts";
import { ExplainError } from "./errors.ts";
import { type Circumstances, explain, type Explanation } from "./explain.ts";
import { explanationJson } from "./json.ts";
import { type Asked, ask, CLIENTS, names, portOn, QUIET, rowsOf, scene, SERVERS } from "./testing/scene.ts";
import { explanationLines, rulesLines, whyNotLines } from "./text.ts";
import { whyNot } from "./why-not.ts";
import { World } from "./world.ts";

const PROGRAM = { apps: APPS, pipeline };
const responders = new Map(APPS.flatMap((app) => app.responders.map(({ number, name }) => [number, name])));

/** All that is said of one packet. */
async function told(asked: Asked, rows: readonly RowChange[] = scene(), circumstances: Circumstances = QUIET) {
  const world = new World(rowsOf(rows));
  const question = ask(asked, rows);
  const explanation = await explain(PROGRAM, world, question, circumstances);
  const words = { world, names, responders };
  const remedy = explanation.passes
    ? undefined
    : await whyNot(PROGRAM, { world, question, circumstances }, explanation);
  const text = [
    ...explanationLines(words, explanation, { flows: false }),
    ...rulesLines(words, explanation),
    ...(remedy === undefined ? [] : ["", ...whyNotLines(words, remedy)]),
  ].join("\n");
  const ending = explanationLines(words, explanation, { flows: false }).at(-1);
  return { words, explanation, remedy, text: `${text}\n`, ending };
}
const golden = (name: string, text: string): void =>
  verifyGolden(new URL(`../golden/${name}.txt`, import.meta.url), text);
const agrees = ({ rules }: Explanation): boolean => rules.length > 0 && rules.every((check) => check.agrees);

/** The rows with some fields of some of them otherwise. */
const but = (table: unknown, id: string, fields: object): readonly RowChange[] =>
  scene().map((change) =>
    change.table === table && change.id === id ? { ...change, row: { ...change.row, id, ...fields } } : change,
  );

describe("in words", () => {
  test("from network to network and from host to host", async () => {
    const { text, explanation } = await told({ from: 11, to: 22, service: "tcp/80" });
    golden("routed", text);
    assert.ok(explanation.passes && agrees(explanation));
  });
  test("no rule lets it in", async () => {
    const { text, explanation, remedy } = await told({ from: 11, to: 21, service: "udp/53" });
    golden("no-rule", text);
    assert.ok(!explanation.passes && agrees(explanation) && remedy?.isVerified === true);
    assert.equal(explanation.end?.owner, undefined);
  });
  test("no route leads there", async () => {
    const apart = scene().filter(
      ({ table, partition }) => table !== routerPorts || partition !== networkTopic(networkId(2)),
    );
    const without = apart.filter(
      ({ partition, row }) =>
        partition !== routerTopic(routerId(5)) ||
        row === undefined ||
        !("networkId" in row) ||
        row.networkId !== networkId(2),
    );
    const { text, explanation, remedy } = await told({ from: 11, to: 22, service: "tcp/80" }, without);
    golden("no-route", text);
    assert.ok(!explanation.passes && remedy?.isVerified === true);
  });
  test("several things at once", async () => {
    const rows = but(localPorts, portId(22), { securityGroups: [], identity: 0 }).filter(
      ({ table, partition }) => table !== routers && table !== routerPorts && partition !== routerTopic(routerId(5)),
    );
    const { text, remedy } = await told({ from: 11, to: 22, service: "icmp" }, rows);
    golden("several", text);
    assert.ok(remedy?.isVerified === true);
  });
  test("the router itself answers", async () => {
    const { text, explanation } = await told({ from: 11, to: ipv4(1, 1), service: "icmp" });
    golden("router", text);
    assert.ok(explanation.passes && agrees(explanation));
  });
});

describe("what lets it pass", () => {
  const change = async (asked: Asked, rows?: readonly RowChange[], circumstances?: Circumstances) => {
    const { explanation, remedy } = await told(asked, rows, circumstances);
    assert.ok(!explanation.passes);
    return { verified: remedy?.isVerified, commands: remedy?.changes.flatMap(({ commands }) => commands) };
  };
  test("an address that is not the port's", async () => {
    const got = await change({ from: 11, to: 21, service: "tcp/80", sourceIp: "10.0.1.77" });
    assert.deepEqual(got, {
      verified: true,
      commands: [
        `openstack port set --allowed-address ip-address=10.0.1.77,mac-address=fa:16:3e:00:00:0b ${portId(11)}`,
      ],
    });
  });
  test("a port that is down, on the own link and beyond a router", async () => {
    const down = { adminUp: false };
    for (const [n, service] of [
      [21, "tcp/80"],
      [22, "tcp/80"],
    ] as const) {
      const rows = but(localPorts, portId(n), down).map((one) =>
        one.table === ports && one.id === portId(n) ? { ...one, row: { ...one.row, id: one.id, ...down } } : one,
      );
      const got = await change({ from: 11, to: n, service }, rows);
      assert.deepEqual(got, { verified: true, commands: [`openstack port set --enable ${portId(n)}`] });
    }
  });
  test("a source that is down", async () => {
    const got = await change({ from: 11, to: 21, service: "tcp/80" }, but(localPorts, portId(11), { adminUp: false }));
    assert.deepEqual(got, { verified: true, commands: [`openstack port set --enable ${portId(11)}`] });
  });
  test("a port that nobody has plugged in", async () => {
    for (const n of [11, 21]) {
      const got = await change({ from: 11, to: 21, service: "tcp/80" }, scene(), {
        ...QUIET,
        isPlugged: (id) => id !== portId(n),
      });
      assert.equal(got.verified, true);
      assert.match(got.commands?.join() ?? "", new RegExp(`^ovs-vsctl set interface .*iface-id=${portId(n)}`));
    }
  });
  test("a network, or a router, that is down", async () => {
    const network = await change(
      { from: 11, to: 21, service: "tcp/80" },
      but(networks, networkId(1), { adminUp: false }),
    );
    assert.deepEqual(network, { verified: true, commands: [`openstack network set --enable ${networkId(1)}`] });
    const router = await change({ from: 11, to: 22, service: "tcp/80" }, but(routers, routerId(5), { adminUp: false }));
    assert.deepEqual(router, { verified: true, commands: [`openstack router set --enable ${routerId(5)}`] });
  });
  test("a subnet without gateway", async () => {
    const rows = but(subnets, [...names].find(([, name]) => name === "red4")?.[0] ?? "", { gatewayIp: null });
    const got = await change({ from: 11, to: 22, service: "tcp/80" }, rows);
    assert.equal(got.verified, true);
    assert.match(got.commands?.[0] ?? "", /^openstack subnet set --gateway 10\.0\.1\.1 /);
  });
  test("an egress rule", async () => {
    const got = await change({ from: 21, to: 12, service: "icmp/8:0" });
    assert.equal(got.verified, true);
    assert.deepEqual(
      got.commands?.map((line) => line.replace(/ \S+$/, "")),
      [
        "openstack security group rule create --egress --ethertype IPv4 --protocol icmp --icmp-type 8 --icmp-code 0 --remote-ip 10.0.1.12/32",
        "openstack security group rule create --ingress --ethertype IPv4 --protocol icmp --icmp-type 8 --icmp-code 0 --remote-ip 10.0.1.21/32",
      ],
    );
  });
  test("what nobody can tell", async () => {
    assert.deepEqual(await change({ from: 11, to: "192.0.2.1", service: "tcp/80" }), { verified: false, commands: [] });
  });
});

describe("connections", () => {
  const known = (n: number, one: Partial<KnownConnection>): Circumstances => ({
    ...QUIET,
    known: new Map([
      [
        portId(n),
        [{ protocol: 6, source: ipv4(1, 11), destination: ipv4(1, 21), first: 4000, second: 22, mark: 0, ...one }],
      ],
    ]),
  });
  test("an answer passes without a rule, unless its connection was ended", async () => {
    const answer: Asked = { from: 21, to: 11, service: "tcp/4000", sourcePort: 22 };
    const both = new Map([...known(21, {}).known, ...known(11, {}).known]);
    assert.ok((await told(answer, scene(), { ...QUIET, known: both })).explanation.passes);
    const ended = new Map([...both, ...known(21, { mark: 1 }).known]);
    const { explanation, ending } = await told(answer, scene(), { ...QUIET, known: ended });
    assert.ok(!explanation.passes && agrees(explanation));
    assert.match(ending ?? "", /its connection was allowed, and is no longer/);
    assert.ok(!(await told(answer)).explanation.passes);
  });
  test("others of the same service are counted", async () => {
    const { explanation } = await told({ from: 11, to: 21, service: "tcp/22" }, scene(), known(11, {}));
    assert.equal(explanation.alike.get(portId(11)), 1);
    assert.equal(explanation.connections.get(portId(11))?.state, "new");
  });
});

test("IPv6, and a frame as it is", async () => {
  const six = await told({ from: 11, to: 22, service: "icmp6" });
  assert.match(six.ending ?? "", /no rule/);
  const { frame } = (await told({ from: 11, to: 22, service: "tcp/80" })).explanation;
  assert.ok(frame !== undefined);
  const raw = await told({ from: 11, to: 22, service: "icmp", frame });
  assert.ok(raw.explanation.passes && raw.explanation.headers?.protocol === 6);
  const foreign = frame.slice();
  foreign.set([0x88, 0xb5], 12);
  assert.equal((await told({ from: 11, to: 22, service: "icmp", frame: foreign })).explanation.passes, false);
});

test("a frame for everybody comes to everybody", async () => {
  const rows = [
    ...scene(),
    ...portOn("host2", { n: 23, network: 1, groups: [CLIENTS], identity: 1, portSecurity: false }),
  ];
  const { frame } = (await told({ from: 11, to: 21, service: "tcp/80" }, rows)).explanation;
  assert.ok(frame !== undefined);
  const all = Uint8Array.from(frame);
  all.set([255, 255, 255, 255, 255, 255]);
  const { explanation } = await told({ from: 11, to: 21, service: "icmp", frame: all }, rows);
  const delivered = explanation.legs.flatMap(({ endings }) =>
    endings.flatMap((ending) => (ending.type === "delivered" ? [ending.portId] : [])),
  );
  assert.deepEqual(delivered.sort(), [portId(12), portId(21), portId(23)]);
});

test("what a port sends to itself comes back to nobody, though its rules allow it", async () => {
  const rows = but(localPorts, portId(12), { securityGroups: [groupId(CLIENTS), groupId(SERVERS)], identity: 3 });
  const asked: Asked = { from: 12, to: 12, service: "tcp/80" };
  const { explanation, ending } = await told(asked, [...rows, ...identity(3, [CLIENTS, SERVERS])]);
  assert.ok(!explanation.passes && agrees(explanation));
  assert.match(ending ?? "", /would go back to where it came from/);
});

test("as JSON there is nothing that JSON does not have", async () => {
  const { words, explanation } = await told({ from: 11, to: 21, service: "tcp/80" });
  const json = explanationJson(words, explanation, []);
  assert.deepEqual(JSON.parse(JSON.stringify(json)), json);
  assert.equal("passes" in json && json.passes, true);
});

test("what cannot be asked", async () => {
  for (const asked of [
    { from: 11, to: "fd00::1", service: "icmp/8:0" },
    { from: 11, to: "10.0.1.21", service: "tcp/80", sourceIp: "fd00::1" },
    { from: 11, to: 21, service: "icmp", frame: Uint8Array.of(1, 2, 3) },
  ])
    await assert.rejects(told(asked), (error) => error instanceof ExplainError && error.code === "bad-question");
});
