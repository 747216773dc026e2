import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Port, SecurityGroup, SecurityGroupRule } from "../api/resources.ts";
import type { Statistics } from "../introspection/socket.ts";
import { PLAIN } from "../screen/palette.ts";
import { type Catalogue, type HostStatistics, reportOf } from "./report.ts";
import { reportLines } from "./report-lines.ts";

const rule = (id: string, group: string, rest: Partial<SecurityGroupRule> = {}): SecurityGroupRule => ({
  id,
  security_group_id: group,
  direction: "ingress",
  ethertype: "IPv4",
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_ip_prefix: null,
  remote_group_id: null,
  remote_address_group_id: null,
  ...rest,
});
const group = (id: string, name: string, ...rules: SecurityGroupRule[]): SecurityGroup => ({
  id,
  name,
  project_id: "p",
  stateful: true,
  security_group_rules: rules,
});
const port = (id: string, ...security_groups: string[]): Port => ({
  id,
  name: "",
  network_id: "n",
  mac_address: "fa:16:3e:00:00:01",
  status: "ACTIVE",
  revision_number: 1,
  fixed_ips: [],
  "binding:host_id": "host1",
  security_groups,
});
const groups = [
  group("g-web", "web", rule("r-ssh", "g-web", { protocol: "tcp", port_range_min: 22, port_range_max: 22 })),
  group(
    "g-db",
    "db",
    rule("r-web", "g-db", { remote_group_id: "g-web" }),
    rule("r-ping", "g-db", { protocol: "icmp" }),
  ),
];
const catalogue: Catalogue = {
  groups,
  ports: [port("p-10", "g-web"), port("p-2", "g-db", "g-web"), port("p-3")],
  names: new Map([
    ["g-web", "web"],
    ["g-db", "db"],
    ["p-10", "vm10"],
    ["p-2", "vm2"],
  ]),
};
const count = (id: string, connections: number | null, packets: number) => ({ id, connections, packets });
const traffic = (id: string, packets: number) => ({
  id,
  connections: packets,
  sent: { packets, bytes: packets * 100 },
  received: { packets: 0, bytes: 0 },
});
const drop = (on: string | null, packets: number, reason = "no rule") => ({
  reason,
  table: "ingress_rules",
  port: on,
  packets,
});
const host = (name: string, statistics: Statistics): HostStatistics => ({ host: name, statistics });
const answers = [
  host("host1", {
    rules: [count("r-ssh", 3, 40), count("r-web", 5, 50)],
    ports: [traffic("p-10", 4), traffic("p-2", 6)],
    drops: [drop("p-10", 7), drop("p-2", 0), drop(null, 1, "no connection")],
  }),
  host("host2", {
    rules: [count("r-ssh", 1, 2), count("r-ping", 9, 9), count("r-old", null, 8)],
    ports: [traffic("p-3", 1)],
    drops: [drop("p-3", 70)],
  }),
];

describe("the report", () => {
  test("sums a rule over hosts, by group, what counted most first", () => {
    assert.deepEqual(reportLines(reportOf(answers, catalogue, {}), PLAIN), [
      "rules",
      "  connections  packets  group  rule",
      "            -        8  -      r-old",
      "            9        9  db     ingress IPv4 icmp",
      "            5       50  db     ingress IPv4 from group web",
      "            4       42  web    ingress IPv4 tcp 22",
      "",
      "ports",
      "  port  host   connections  sent  bytes  received  bytes",
      "  p-3   host2            1     1    100         0      0",
      "  vm2   host1            6     6    600         0      0",
      "  vm10  host1            4     4    400         0      0",
      "",
      "drops",
      "  packets  port  host   reason",
      "       70  p-3   host2  no rule",
      "        7  vm10  host1  no rule",
      "        1  -     host1  no connection",
    ]);
  });

  test("of a group: its rules, its ports, their drops", () => {
    const { rules, ports, drops } = reportOf(answers, catalogue, { groups: new Set(["g-db"]) });
    assert.deepEqual(
      rules.map(({ id, host: on, rule: text }) => [id, on, text]),
      [
        ["r-web", "host1", "ingress IPv4 from group web"],
        ["r-ping", "host2", "ingress IPv4 icmp"],
      ],
    );
    assert.deepEqual(
      [ports.map(({ name }) => name), drops.map((one) => one.port?.name)],
      [["vm2"], ["vm2", undefined]],
    );
  });

  test("of a port: its traffic, its drops, the rules of its groups", () => {
    const { rules, ports, drops } = reportOf(answers, catalogue, { ports: new Set(["p-10"]) });
    assert.deepEqual(
      rules.map(({ id, host: on }) => `${id} ${on}`),
      ["r-ssh host1", "r-ssh host2"],
    );
    assert.deepEqual([ports.map(({ id }) => id), drops.map(({ packets }) => packets)], [["p-10"], [7, 1]]);
    const none = reportOf(answers, catalogue, { ports: new Set(["p-3"]) });
    assert.deepEqual([none.rules, none.ports.length, none.drops.length], [[], 1, 1]);
    const not = reportOf(answers, catalogue, { ports: new Set(["p-3"]), groups: new Set(["g-db"]) });
    assert.deepEqual(not, { rules: [], ports: [], drops: [] });
  });

  test("what the switch does not count is no column", () => {
    const statistics = { rules: [], ports: [{ ...traffic("p-2", 6), connections: null }], drops: [] };
    assert.deepEqual(reportLines(reportOf([host("h", statistics)], catalogue, {}), PLAIN).slice(2, 5), [
      "ports",
      "  port  host  sent  bytes  received  bytes",
      "  vm2   h        6    600         0      0",
    ]);
  });

  test("groups of one name are told apart, and without an API there are ids", () => {
    const twins = [group("g-1", "default", rule("r-1", "g-1")), group("g-2", "default", rule("r-2", "g-2"))];
    const statistics = { rules: [count("r-1", 1, 1), count("r-2", 2, 2)], ports: [], drops: [] };
    const names = new Map(twins.map(({ id, name }) => [id, name]));
    const lines = reportLines(reportOf([host("", statistics)], { groups: twins, ports: [], names }, {}), PLAIN);
    assert.deepEqual(lines, [
      "rules",
      "  connections  packets  group        rule",
      "            1        1  default g-1  ingress IPv4",
      "            2        2  default g-2  ingress IPv4",
      "",
      "ports  none",
      "",
      "drops  none",
    ]);
    const { rules } = reportOf([host("", statistics)], { groups: [], ports: [], names: new Map() }, {});
    assert.deepEqual(rules[0], { host: "", id: "r-1", rule: null, group: null, connections: 1, packets: 1 });
  });
});
