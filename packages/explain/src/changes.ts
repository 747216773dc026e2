/** Changes to a cloud: as people say them, as the command that makes them, and as what the store would hold then. */
import { putRow, type Row, type Table } from "@dragonflow/engine";
import {
  chassisTopic,
  networkTopic,
  routerTopic,
  securityGroupTopic,
  type SecurityRule,
  type SubnetRecord,
} from "@dragonflow/model";
import { firstAddress, formatIp, parseCidr } from "@dragonflow/packet";
import {
  groupIdentities,
  localPorts,
  networks,
  ports,
  routerInterfaces,
  routerPorts,
  routers,
  securityGroups,
  subnets,
} from "@dragonflow/pipeline";
import type { Circumstances, Question } from "./explain.ts";
import type { Headers } from "./frame.ts";
import type { Place } from "./next-hop.ts";
import { PROTOCOL } from "./question.ts";
import type { Patch, World } from "./world.ts";

/** All that decides about a packet. */
export interface Situation {
  readonly world: World;
  readonly question: Question;
  readonly circumstances: Circumstances;
}
export interface Change {
  /** In words. */
  readonly what: string;
  /** Lines for a shell; none: it is done elsewhere. */
  readonly commands: readonly string[];
  /** The situation with it; undefined: there is too much that only whoever makes it decides. */
  readonly apply: ((situation: Situation) => Situation) | undefined;
}

/** Of what does not exist yet: no id of Neutron's looks so. */
const imagined = (n: number): string => `00000000-0000-4000-8000-0000000000${n.toString(16).padStart(2, "0")}`;
const NEW = { router: imagined(1), group: imagined(2), interface: 0x10, rule: 0x40 } as const;
const NEW_KEYS = { router: 0xfffffe, interface: 0x7fffff00, identity: 0x7ffffffe } as const;
const NEW_OFPORT = 0x7000;

const patched =
  (...patches: readonly Patch[]) =>
  (situation: Situation): Situation => ({
    ...situation,
    world: patches.reduce((world, patch) => world.with(patch), situation.world),
  });

function edit<T extends Row>(table: Table<T>, at: string, id: string, fields: Partial<T>): Patch {
  return (topic, rows) =>
    topic !== at
      ? rows
      : rows.map((change) =>
          change.table === table && change.id === id && change.row !== undefined
            ? { ...change, row: { ...change.row, ...fields } }
            : change,
        );
}
function add<T extends Row>(table: Table<T>, at: string, row: NoInfer<T>): Patch {
  return (topic, rows) => (topic === at ? [...rows, putRow(table, at, row)] : rows);
}

/** Every end that is this port, as it would be then. */
const asPlace =
  (id: string, fields: Partial<Place>) =>
  (situation: Situation): Situation => {
    const { question } = situation;
    const { source, destination } = question;
    const place = destination.place?.id === id ? { ...destination.place, ...fields } : destination.place;
    return {
      ...situation,
      question: {
        ...question,
        source: source.id === id ? { ...source, ...fields } : source,
        destination: { ...destination, place },
      },
    };
  };

export function enablePort({ id, networkId, chassis }: Place): Change {
  const rows = patched(
    edit(localPorts, chassisTopic(chassis), id, { adminUp: true }),
    edit(ports, networkTopic(networkId), id, { adminUp: true }),
  );
  const place = asPlace(id, { adminUp: true });
  return {
    what: `port ${id} is administratively down: set it up`,
    commands: [`openstack port set --enable ${id}`],
    apply: (situation) => place(rows(situation)),
  };
}

export function enableNetwork(id: string): Change {
  return {
    what: `network ${id} is administratively down: set it up`,
    commands: [`openstack network set --enable ${id}`],
    apply: patched(edit(networks, networkTopic(id), id, { adminUp: true })),
  };
}

export function enableRouter(id: string): Change {
  return {
    what: `router ${id} is administratively down: set it up`,
    commands: [`openstack router set --enable ${id}`],
    apply: patched(edit(routers, routerTopic(id), id, { adminUp: true })),
  };
}

export function enableInterface(id: string, networkId: string, routerId: string): Change {
  return {
    what: `interface ${id} of router ${routerId} is administratively down: set it up`,
    commands: [`openstack port set --enable ${id}`],
    apply: patched(
      edit(routerPorts, networkTopic(networkId), id, { adminUp: true }),
      edit(routerInterfaces, routerTopic(routerId), id, { adminUp: true }),
    ),
  };
}

export function plugIn({ id, chassis }: Place): Change {
  return {
    what: `port ${id} is bound to ${chassis}, where no interface carries its id: plug it in there`,
    commands: [`ovs-vsctl set interface INTERFACE external_ids:iface-id=${id}  # on ${chassis}`],
    apply: (situation) => {
      const { facts, isPlugged } = situation.circumstances;
      const here: typeof facts = async (other) => {
        const known = await facts(other);
        if (known === undefined || other !== chassis) return known;
        const plugged = { id, ofport: NEW_OFPORT + known.interfaces.length, name: "INTERFACE" };
        return { ...known, interfaces: [...known.interfaces, plugged] };
      };
      return {
        ...situation,
        circumstances: {
          ...situation.circumstances,
          facts: here,
          isPlugged: (other) => other === id || isPlugged(other),
        },
      };
    },
  };
}

export function bind({ id }: Place): Change {
  return {
    what: `port ${id} is bound to no host: a VM has to be started with it, or an interface that carries its id plugged in`,
    commands: [],
    apply: undefined,
  };
}

/** A further address that the port may send from. */
export function allowAddress(world: World, { id, networkId, chassis }: Place, ip: string, mac: string): Change {
  const own = world.row(localPorts, chassisTopic(chassis), id);
  const seen = world.row(ports, networkTopic(networkId), id);
  return {
    what: `port security lets port ${id} send from its own addresses only: allow ${ip} (${mac})`,
    commands: [`openstack port set --allowed-address ip-address=${ip},mac-address=${mac} ${id}`],
    apply: patched(
      edit(localPorts, chassisTopic(chassis), id, { pairs: [...(own?.pairs ?? []), { ip, mac }] }),
      edit(ports, networkTopic(networkId), id, { pairs: [...(seen?.pairs ?? []), { ip, mac }] }),
    ),
  };
}

/** The rule that lets just this kind of packet pass between just these two addresses. */
export function addRule(world: World, groupId: string, direction: SecurityRule["direction"], headers: Headers): Change {
  const { source, destination, protocol, header } = headers;
  const group = world.find(securityGroups, groupId);
  const ipVersion = source.includes(":") ? 6 : 4;
  const remotePrefix = `${direction === "ingress" ? source : destination}/${ipVersion === 4 ? 32 : 128}`;
  const [portMin, portMax] =
    header === null
      ? [null, null]
      : header.type === "icmp"
        ? [header.icmpType, header.icmpCode]
        : [header.destination, header.destination];
  const rules = group?.rules ?? [];
  const rule: SecurityRule = {
    id: imagined(NEW.rule + rules.length),
    direction,
    ipVersion,
    protocol,
    portMin,
    portMax,
    remotePrefix,
    remoteGroupId: null,
    remoteAddressGroupId: null,
  };
  return {
    what: `no rule allows it: let it ${direction === "ingress" ? "in" : "out"} by a rule of group ${groupId}`,
    commands: [
      [
        `openstack security group rule create --${direction} --ethertype IPv${ipVersion}`,
        `--protocol ${PROTOCOL_NAMES.get(protocol) ?? protocol}`,
        ...serviceOptions(header),
        `--remote-ip ${remotePrefix} ${groupId}`,
      ].join(" "),
    ],
    apply: patched(edit(securityGroups, securityGroupTopic(groupId), groupId, { rules: [...rules, rule] })),
  };
}
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(PROTOCOL).map(([name, number]) => [number, name === "icmp6" ? "ipv6-icmp" : name]),
);
function serviceOptions(header: Headers["header"]): readonly string[] {
  if (header === null) return [];
  if (header.type === "ports") return [`--dst-port ${header.destination}`];
  return [`--icmp-type ${header.icmpType} --icmp-code ${header.icmpCode}`];
}

/** A group for a port that has none; Neutron gives it rules that let everything out. */
export function giveGroup({ id, chassis }: Place): Change {
  const out = ([4, 6] as const).map((ipVersion, i): SecurityRule => {
    const any = { protocol: null, portMin: null, portMax: null, remotePrefix: null, remoteGroupId: null };
    return { id: imagined(NEW.rule - 1 - i), direction: "egress", ipVersion, ...any, remoteAddressGroupId: null };
  });
  const topic = securityGroupTopic(NEW.group);
  const identity = NEW_KEYS.identity;
  return {
    what: `port ${id} has port security and no security group: give it one`,
    commands: [
      `openstack security group create ${NEW_NAMES.group}`,
      `openstack port set --security-group ${NEW_NAMES.group} ${id}`,
    ],
    apply: patched(
      add(securityGroups, topic, { id: NEW.group, stateful: true, rules: out }),
      add(groupIdentities, topic, { id: String(identity), groupId: NEW.group, identity }),
      edit(localPorts, chassisTopic(chassis), id, { securityGroups: [NEW.group], identity }),
    ),
  };
}

export function setGateway(subnet: SubnetRecord): Change {
  const gatewayIp = firstHost(subnet.cidr);
  return {
    what: `subnet ${subnet.id} has no gateway: give it one`,
    commands: [`openstack subnet set --gateway ${gatewayIp} ${subnet.id}`],
    apply: patched(edit(subnets, networkTopic(subnet.networkId), subnet.id, { gatewayIp })),
  };
}
function firstHost(cidr: string): string {
  const first = firstAddress(parseCidr(cidr));
  return formatIp(typeof first === "bigint" ? first + 1n : first + 1);
}

export function createRouter(): Change {
  const topic = routerTopic(NEW.router);
  return {
    what: "there is no router between the two networks: make one",
    commands: [`openstack router create ${NEW_NAMES.router}`],
    apply: patched(add(routers, topic, { id: NEW.router, key: NEW_KEYS.router, adminUp: true, routes: [] })),
  };
}
export const NEW_ROUTER: string = NEW.router;

/** An interface of the router in the subnet, with the gateway's address. @param n how many were added before. */
export function addInterface(routerId: string, subnet: SubnetRecord, n: number): Change {
  const id = imagined(NEW.interface + n);
  const fields = {
    id,
    routerId,
    networkId: subnet.networkId,
    key: NEW_KEYS.interface + n,
    mac: `fa:16:3e:ff:ff:f${n}`,
    addresses: [{ subnetId: subnet.id, ip: subnet.gatewayIp ?? firstHost(subnet.cidr) }],
    adminUp: true,
  };
  return {
    what: `router ${routerId} has no interface in subnet ${subnet.id}: add one`,
    commands: [`openstack router add subnet ${routerId} ${subnet.id}`],
    apply: patched(
      add(routerPorts, networkTopic(subnet.networkId), fields),
      add(routerInterfaces, routerTopic(routerId), fields),
    ),
  };
}

const NEW_NAMES = { router: "NEW_ROUTER", group: "NEW_GROUP" } as const;
/** What is imagined has a name of its own; everything else, the name that it has. */
export const NAMES_OF_NEW: ReadonlyMap<string, string> = new Map([
  [NEW.router, NEW_NAMES.router],
  [NEW.group, NEW_NAMES.group],
]);
