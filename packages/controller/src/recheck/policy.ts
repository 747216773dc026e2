import {
  defineApp,
  defineSetIndex,
  defineTable,
  deriveGroups,
  each,
  type GroupRow,
  type Read,
} from "@dragonflow/engine";
import {
  addressGroupTopic,
  type LocalPortRecord,
  networkTopic,
  type SecurityRule,
  securityGroupTopic,
} from "@dragonflow/model";
import { addressGroups, linkLocalText, localPorts, networks, securityGroups } from "@dragonflow/pipeline";

/** Something that the rules of a set of groups allow. `text` says all of it, and nothing of which rule says so. */
export interface Allowance {
  readonly text: string;
  readonly ipVersion: 4 | 6;
  /** IANA number; null: each. */
  readonly protocol: number | null;
}

/** What the groups of an identity allow, whatever the number of ports that have it. */
export interface IdentityPolicy {
  readonly type: "identity-policy";
  readonly key: string;
  readonly identity: number;
  readonly allows: readonly Allowance[];
}

/** A port of this host whose connections are tracked, and how packets of them are made. */
export interface TrackedPort {
  readonly type: "tracked-port";
  readonly key: string;
  readonly portId: string;
  readonly portKey: number;
  readonly networkKey: number;
  readonly mac: string;
  /** 0: it has no group, and nothing is allowed. */
  readonly identity: number;
  /** Its own, in text; then what it may use beside, which may be prefixes. */
  readonly addresses: readonly string[];
  readonly pairs: readonly string[];
}

function trackedPort(port: LocalPortRecord, read: Read): readonly TrackedPort[] {
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["key"]);
  if (network === undefined || !port.portSecurity) return [];
  const { id: portId, key: portKey, mac, identity } = port;
  return [
    {
      type: "tracked-port",
      key: `tracked-port ${portId}`,
      portId,
      portKey,
      networkKey: network.key,
      mac,
      identity,
      addresses: [...port.addresses.map(({ ip }) => ip), linkLocalText(mac)],
      pairs: port.pairs.map(({ ip }) => ip),
    },
  ];
}

/** The identities that ports of this host have. `members`: the groups. */
const ownGroups = defineTable<GroupRow>("own-groups");
const groupsByIdentity = defineSetIndex(
  localPorts,
  "groups-by-identity",
  ({ portSecurity, identity, securityGroups }) =>
    portSecurity && identity !== 0 ? securityGroups.map((member) => ({ key: String(identity), member })) : [],
);

/** Members of remote groups are not part of it: when they change, a packet in the direction of the first one says so. */
function identityPolicy({ id, members }: GroupRow, read: Read): readonly IdentityPolicy[] {
  const groups = members.map((group) => read.row(securityGroups, securityGroupTopic(group), group));
  const rules = groups.flatMap((group) => (group?.stateful === true ? group.rules : []));
  const allows = rules.flatMap((rule) => allowances(rule, read));
  return [{ type: "identity-policy", key: `identity-policy ${id}`, identity: Number(id), allows }];
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
export const policies = defineApp<TrackedPort | IdentityPolicy>({
  name: "recheck",
  views: [deriveGroups(ownGroups, { layer: 1 }, groupsByIdentity)],
  units: [each(localPorts, trackedPort), each(ownGroups, identityPolicy)],
});

/** What was allowed, and is not now. */
export function lost(before: IdentityPolicy, now: IdentityPolicy): readonly Allowance[] {
  const left = new Set(now.allows.map(({ text }) => text));
  return before.allows.filter(({ text }) => !left.has(text));
}
