import { defineApp, each, equal, LOCAL, type Read } from "@dragonflow/engine";
import {
  addressGroupTopic,
  type LocalPortRecord,
  networkTopic,
  type SecurityRule,
  securityGroupTopic,
} from "@dragonflow/model";
import { addressGroups, hosts, linkLocalText, localPorts, networks, securityGroups } from "@dragonflow/pipeline";

/** Something that the rules of a port allow. `text` says all of it, and nothing of which rule says so. */
export interface Allowance {
  readonly text: string;
  readonly ipVersion: 4 | 6;
  /** IANA number; null: each. */
  readonly protocol: number | null;
}

/** What decides about the connections of a port of this host, and how packets of them are made. */
export interface PortPolicy {
  readonly type: "policy";
  readonly key: string;
  readonly portId: string;
  readonly portKey: number;
  readonly networkKey: number;
  readonly mac: string;
  readonly identity: number;
  /** Its own, in text; then what it may use beside, which may be prefixes. */
  readonly addresses: readonly string[];
  readonly pairs: readonly string[];
  readonly allows: readonly Allowance[];
}

/**
 * Of each port whose connections are tracked. Members of remote groups are not part of it: when they change, a packet in the direction of the first
 * one says so.
 */
function policy(port: LocalPortRecord, read: Read): readonly PortPolicy[] {
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["key"]);
  if (network === undefined || !port.portSecurity || !read.has(hosts, LOCAL, "self")) return [];
  const groups = port.securityGroups.map((id) => read.row(securityGroups, securityGroupTopic(id), id));
  const rules = groups.flatMap((group) => (group?.stateful === true ? group.rules : []));
  const { id: portId, key: portKey, mac, identity } = port;
  return [
    {
      type: "policy",
      key: `policy ${portId}`,
      portId,
      portKey,
      networkKey: network.key,
      mac,
      identity,
      addresses: [...port.addresses.map(({ ip }) => ip), linkLocalText(mac)],
      pairs: port.pairs.map(({ ip }) => ip),
      allows: rules.flatMap((rule) => allowances(rule, read)),
    },
  ];
}

function allowances(rule: SecurityRule, read: Read): readonly Allowance[] {
  const { ipVersion, protocol, remoteAddressGroupId } = rule;
  const said = Object.entries(rule).filter(([field]) => field !== "id");
  const parts = said.sort(([a], [b]) => (a < b ? -1 : 1));
  if (remoteAddressGroupId === null) return [{ text: JSON.stringify(parts), ipVersion, protocol }];
  const group = read.row(addressGroups, addressGroupTopic(remoteAddressGroupId), remoteAddressGroupId);
  return (group?.addresses ?? []).map((address) => ({
    text: JSON.stringify([...parts, address]),
    ipVersion,
    protocol,
  }));
}

/** Part of what a controller compiles, beside the apps: it makes no flow. */
export const policies = defineApp<PortPolicy>({ name: "recheck", units: [each(localPorts, policy)] });

/** What was allowed, and is not now. Who is another port now than before (by its key or addresses) begins anew. */
export function lost(before: PortPolicy, now: PortPolicy): readonly Allowance[] {
  if (equal(before.allows, now.allows)) return [];
  const left = new Set(now.allows.map(({ text }) => text));
  return before.allows.filter(({ text }) => !left.has(text));
}
