/** docs/pipeline.md: stages, tables, registers and apps as they are declared, and one example with the flows that come out of it. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { APPS, pipeline } from "@dragonflow/controller";
import { printFlow } from "@dragonflow/openflow";
import {
  APP_NUMBERS,
  type NetworkApp,
  printTrace,
  type Register,
  registers,
  STAGES,
  type Table,
  type Target,
} from "@dragonflow/pipeline";
import {
  arpRequest,
  type DesiredSection,
  type End,
  type Entry,
  host,
  ipv4,
  mac,
  groupId,
  identity,
  network,
  peer,
  ping,
  port,
  portId,
  type RuleSpec,
  router,
  routerMac,
  sectionsOf,
  securityGroup,
  TestBed,
} from "@dragonflow/pipeline/testing";

const root = resolve(import.meta.dirname, "..");
const ROUTER = 5;
const GROUP = 1;
const IDENTITY = 7;
const MEMBER = { groups: [GROUP], identity: IDENTITY } as const;
/** Those that Neutron gives a group: out to everybody, in from its members. */
const DEFAULT_RULES: readonly RuleSpec[] = ([4, 6] as const).flatMap((ipVersion) => [
  { n: ipVersion, direction: "egress", ipVersion },
  { n: 10 + ipVersion, direction: "ingress", ipVersion, remoteGroupId: groupId(GROUP) },
]);

export function pipelineReference(): string {
  return [
    INTRODUCTION,
    "## Stages\n",
    stageTable(),
    "## Tables\n",
    graph(),
    tableTable(),
    ...pipeline.tables.map(describeTable),
    "## Registers\n",
    registerTable(),
    "## Apps\n",
    ...APPS.map(describeApp),
    ...example(),
  ].join("\n");
}

const INTRODUCTION = `<!-- Made by \`npm run docs\`. -->
# The pipeline

Every host has one bridge, \`br-int\`, and on it the tables below. A packet enters the first one, and goes from stage to stage: whoever sends it to a
stage sends it to the first table there. A stage without tables costs nothing. An app owns its tables, and knows no other app: it sends packets to its own tables or to a later stage.
A flow that matches a field, writes a register or goes to a target that its table did not declare is refused when it is compiled.

\`dragonflow flows\` shows the flows of a host with these names, grouped by the object that caused them.
`;

function stageTable(): string {
  const rows = STAGES.map((stage) => {
    const tables = pipeline.tables.filter((table) => table.stage === stage).map((table) => `\`${table.name}\``);
    return [stage.name, stage.purpose, tables.join(", ")];
  });
  return markdownTable(["stage", "what happens", "tables"], rows);
}

const appOf = (table: Table): NetworkApp => {
  const app = APPS.find(({ tables }) => tables.includes(table));
  if (app === undefined) throw new Error(`table ${table.name} belongs to no app`);
  return app;
};
const tableAt = (target: Target): Table => {
  const table = pipeline.tables[pipeline.numberOf(target)];
  if (table === undefined) throw new Error(`${target.name} leads nowhere`);
  return table;
};
const missOf = (table: Table): Table | undefined => {
  const next = pipeline.afterMiss(table);
  return next === undefined ? undefined : pipeline.tables[next];
};

function tableTable(): string {
  const rows = pipeline.tables.map((table, number) => [
    String(number),
    `[\`${table.name}\`](#${number}-${table.name})`,
    table.stage.name,
    appOf(table).name,
    table.purpose,
    missOf(table)?.name ?? "drop",
  ]);
  return markdownTable(["number", "table", "stage", "app", "purpose", "miss"], rows);
}

function describeTable(table: Table): string {
  const number = pipeline.numberOf(table);
  const [own, fields] = [Object.keys(registers), [...table.match]];
  const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ") || "nothing";
  const targets = [...table.next].map((target) =>
    target.type === "stage" ? `stage ${target.name} (\`${tableAt(target).name}\`)` : `\`${target.name}\``,
  );
  return [
    `### ${number} ${table.name}\n`,
    `${table.purpose} (app ${appOf(table).name}, stage ${table.stage.name}).${table.internal ? " Reached from tables of its app only." : ""}\n`,
    `- matches registers ${list(fields.filter((name) => own.includes(name)))}; fields ${list(fields.filter((name) => !own.includes(name)))}`,
    `- writes ${list([...table.writes])}`,
    `- goes to ${targets.join(", ") || "no other table"}`,
    `- miss: ${missOf(table) === undefined ? "drop" : `\`${missOf(table)?.name}\``}\n`,
  ].join("\n");
}

/** Tables by stage, with an arrow to wherever one may send a packet, and a dotted one for its misses. */
function graph(): string {
  const stages = STAGES.flatMap((stage) => {
    const tables = pipeline.tables.filter((table) => table.stage === stage);
    if (tables.length === 0) return [];
    return [`  subgraph stage_${stage.name}["${stage.name}"]`, ...tables.map(({ name }) => `    ${name}`), "  end"];
  });
  const arrows = pipeline.tables.flatMap((table) => {
    const missed = missOf(table);
    const targets = new Set([...table.next].map((target) => tableAt(target).name));
    return [
      ...[...targets].map((name) => `  ${table.name} --> ${name}`),
      ...(missed === undefined ? [] : [`  ${table.name} -. miss .-> ${missed.name}`]),
    ];
  });
  return ["```mermaid", "flowchart TD", ...stages, ...arrows, "```", ""].join("\n");
}

function registerTable(): string {
  const named = (which: (table: Table) => boolean): string =>
    pipeline.tables
      .filter(which)
      .map(({ name }) => `\`${name}\``)
      .join(", ");
  const bits = ({ field, start, bits: count }: Register): string =>
    count === 32 ? field : count === 1 ? `${field}[${start}]` : `${field}[${start}..${start + count - 1}]`;
  const rows = Object.entries<Register>(registers).map(([name, register]) => [
    `\`${name}\``,
    bits(register),
    register.purpose,
    named((table) => [...table.writes].some((written) => written === name)),
    named((table) => table.match.has(name)),
  ]);
  return markdownTable(["register", "bits", "what it says", "written in", "matched in"], rows);
}

/** What an app's own source says of it, first. */
function describeApp(app: NetworkApp): string {
  const source = readFileSync(resolve(root, "packages/apps", app.name, "src/index.ts"), "utf8");
  const comment = /^\/\*\*\n([\s\S]*?)\n \*\/\n/.exec(source)?.[1];
  if (comment === undefined) throw new Error(`app ${app.name} does not say what it is`);
  const number = Object.entries(APP_NUMBERS).find(([name]) => name === app.name)?.[1];
  const text = comment.replaceAll(/^ \* ?/gm, "");
  return [`### ${app.name}\n`, `Number ${number} in cookies.\n`, "```text", text, "```", ""].join("\n");
}

function example(): readonly string[] {
  const bed = new TestBed(
    APPS,
    [
      ...host(),
      ...peer("host2", 900),
      ...network({ n: 1 }),
      ...network({ n: 2 }),
      ...securityGroup({ n: GROUP, rules: DEFAULT_RULES }),
      ...identity(IDENTITY, [GROUP]),
      ...port({ n: 11, network: 1, ...MEMBER }),
      ...port({ n: 12, network: 1, ...MEMBER, chassis: "host2" }),
      ...port({ n: 21, network: 2, ...MEMBER, chassis: "host2" }),
      ...router(ROUTER, [1, 2]),
    ],
    "whole",
  );
  const vm: End = { mac: mac(11), ip: ipv4(1, 11) };
  const neighbour: End = { mac: mac(12), ip: ipv4(1, 12) };
  const routed: End = { mac: routerMac(ROUTER * 256 + 1), ip: ipv4(2, 21) };
  const follow = (title: string, frame: Uint8Array, entry: Entry = { inPort: 11 }): string =>
    [`#### ${title}\n`, "```text", printTrace(bed.trace(frame, entry), bed.bound.names), "```", ""].join("\n");
  return [
    EXAMPLE,
    "### Flows, by the object that caused them\n",
    ...sectionsOf(bed.bound, bed.desired()).map(describeSection),
    "#### the pipeline itself\n",
    "What happens to a packet that no other flow of its table matches. A miss that drops is a flow too: it counts.\n",
    "```text",
    ...pipeline.missFlows().map((flow) => printFlow({ ...flow, cookie: 0n }, bed.bound.names)),
    "```\n",
    "### Packets\n",
    follow("A packet to a VM of the same network on the other host", ping(vm, neighbour)),
    follow("A packet to the other network, through the router", ping(vm, routed)),
    follow("A packet from the VM of the same network, which came by the tunnel", ping(neighbour, vm), {
      inPort: 900,
      fields: { tun_id: 1001n, tun_metadata0: BigInt(IDENTITY) },
    }),
    follow("The same from somebody who has other groups", ping(neighbour, vm), {
      inPort: 900,
      fields: { tun_id: 1001n, tun_metadata0: 9n },
    }),
    follow("A question for the gateway's MAC address", arpRequest(vm, ipv4(1, 1))),
    follow("An address that is not the VM's own", ping({ ...vm, ip: ipv4(1, 77) }, neighbour)),
  ];
}

/** What the flows of an app for an object of a kind are there for. */
const PURPOSES: Readonly<Record<string, string>> = {
  "chassis classification": "What comes in by a tunnel to this host is told by its VNI.",
  "host l3": "What no router passes on, whatever routes it has.",
  "host nd": "Completes advertisements; and lets holders of addresses find out about duplicates themselves.",
  "host port-security":
    "What holds for every port: no VLAN tags, no DHCP server, no router; and the end for addresses that are nobody's.",
  "host security-group":
    "What holds for every port: what passes without a rule, and what follows from the state of a connection.",
  "identity security-group":
    "What no rule of the ports with this set of groups allows any more ends its connection; only a set that some port has can say so.",
  "network classification": "A VNI is this network, because it has a port here.",
  "network l2":
    "Broadcast and multicast: a copy for each port here and for each host that has the network; of what came from another host, for ports here only.",
  "network tunnel": "Packets of this network leave with its VNI; but not those that came by a tunnel.",
  "port arp":
    "Questions for the port's IPv4 address are answered here. Its own probes are not: it would take its address for a duplicate.",
  "port classification": "The way in and the way out: its interface is its key.",
  "port dhcp": "Its DHCP messages are for the controller, a few a second.",
  "port l2": "Frames to its MAC address go to it: here by its key, elsewhere by the tunnel to its host.",
  "port l3": "Routed packets to its address get its MAC address, and go the same way.",
  "port nd": "Questions for its IPv6 addresses are answered here.",
  "port port-security": "It sends from its own addresses, and what every host has to send before it has any.",
  "port security-group": "Its identity (the number of its set of groups), and the zone of its connections.",
  "port ra": "Its router solicitations are for the controller, a few a second.",
  "security-group-rule security-group":
    "What the rule allows: first packets of connections, which are counted by themselves, and those behind them in the same direction.",
  "router-interface l3":
    "One side of the router: its own addresses (echo is answered, anything else is not), hop limits that are used up, and the prefix that is connected here.",
  "router-port arp": "Questions for the gateway's IPv4 address are answered here.",
  "router-port l3": "Frames to the gateway's MAC address enter the router.",
  "router-port nd": "Questions for the gateway's IPv6 addresses are answered, and duplicates of them refused.",
};
const BESIDES = "Limits, tunnels, what the controller answers from, and which ports are up.";

function describeSection({ title, lines }: DesiredSection): string {
  const [, kind, app] = /^(\S+) .*\((\S+)\)$/.exec(title) ?? [];
  const purpose = kind === undefined ? BESIDES : PURPOSES[`${kind} ${app}`];
  if (purpose === undefined) throw new Error(`scripts/pipeline-reference.ts does not say what "${kind} ${app}" is for`);
  return [`#### ${title}\n`, `${purpose}\n`, "```text", ...lines, "```", ""].join("\n");
}

const EXAMPLE = `## An example

Network 1 (${ipv4(1, 0)}/24, key 1, VNI 1001) and network 2 (${ipv4(2, 0)}/24, key 2, VNI 1002), joined by a router (key ${ROUTER}). On this host the VM ${ipv4(1, 11)}, with its
interface on OpenFlow port 11; its port ${portId(11)} has the key 111 (0x6f). On another host, behind the tunnel on OpenFlow port 900, the VMs ${ipv4(1, 12)} and
${ipv4(2, 21)}. All of them have the security group ${groupId(GROUP)} with the rules that Neutron gives a new one; this set of groups is identity ${IDENTITY}.

A flow's cookie says whose it is: the app's number in its first byte, then the first 56 bits of the object's id. It is left out here, the headings say
the same.
`;

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""].join("\n");
}
