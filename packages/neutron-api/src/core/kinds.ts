import { createHash } from "node:crypto";
import {
  type AddressGroupObject,
  type IdentityObject,
  type NbRecord,
  type NetworkObject,
  type PortObject,
  projectAddressGroup,
  projectIdentity,
  projectNetwork,
  projectPort,
  projectRouter,
  projectSecurityGroup,
  projectSubnet,
  type RecordId,
  type RouterObject,
  recordId,
  type SecurityGroupObject,
  type SubnetObject,
  type Topic,
  topic,
} from "@dragonflow/model";
import type { Indexes } from "./collection.ts";

/** A chassis as operators see it. `id` is made from its name, so that every server makes the same. Times are RFC 3339. */
export interface AgentObject {
  readonly id: string;
  readonly host: string;
  readonly hostname: string;
  readonly tunnel_ip: string;
  readonly encapsulations: readonly string[];
  readonly bridge_mappings: readonly string[];
  readonly release: string;
  readonly alive: boolean;
  readonly admin_state_up: boolean;
  readonly description: string | null;
  readonly created_at: string;
  readonly started_at: string;
  /** When `alive` last changed: what a dead chassis's heartbeat shows. */
  readonly seen_at: string;
}

/** Limits that were set for one project (`id`); kinds not named have the defaults. */
export interface QuotaObject {
  readonly id: string;
  readonly limits: Readonly<Record<string, number>>;
}

export interface RecordKey {
  readonly topic: Topic;
  readonly id: RecordId;
}

/**
 * How one kind of object is kept. Everything a commit writes for an object derives from these pure functions, before and after.
 *
 *   guards      keys that one object at a time may hold: written if absent, deleted with it. Who has children in a topic is unused
 *               as long as that topic is unchanged.
 *   references  records that must exist when an object begins to refer to them
 */
export interface StoredKind<O> {
  readonly kind: string;
  readonly topic: Topic;
  readonly project: (object: O) => readonly NbRecord[];
  readonly guards: (object: O) => readonly RecordKey[];
  readonly references: (object: O) => readonly RecordKey[];
  readonly indexes: Indexes<O>;
}

const key = (in_: Topic, kind: string, id: string): RecordKey => ({ topic: in_, id: recordId(kind, id) });

/** Ports of a network: one record per port, named by its MAC address. */
export const networkRefs = (networkId: string): Topic => topic("refs", "network", networkId);
/** Addresses of a subnet in use: one record per address. */
export const subnetRefs = (subnetId: string): Topic => topic("refs", "subnet", subnetId);
/** Who uses a security group: one record per port that has it, and per other group with a rule that has it as remote. */
export const securityGroupRefs = (groupId: string): Topic => topic("refs", "security-group", groupId);
/** The groups with a rule that has this address group as remote. */
export const addressGroupRefs = (groupId: string): Topic => topic("refs", "address-group", groupId);
/** Written by whoever makes an object of this kind for a project that has a limit. */
export const quotaRefs = (projectId: string, kind: string): Topic => topic("refs", "quota", projectId, kind);

const keyGuard = (kind: string, number: number): RecordKey => key(topic("refs", "keys", kind), "key", String(number));

const standardIndexes = {
  name: (o: { readonly name: string }) => [o.name],
  project_id: (o: { readonly project_id: string }) => [o.project_id],
};

export const networkStore: StoredKind<NetworkObject> = {
  kind: "network",
  topic: topic("api", "networks"),
  project: projectNetwork,
  guards: (n) => [
    keyGuard("network", n.key),
    ...(n.segmentation_id === null
      ? []
      : [
          key(
            topic("refs", "segments", n.network_type),
            "segment",
            `${n.physical_network ?? "-"}/${n.segmentation_id}`,
          ),
        ]),
  ],
  references: () => [],
  indexes: {
    ...standardIndexes,
    key: (n) => [String(n.key)],
    segment: (n) => [`${n.network_type}/${n.segmentation_id}`],
  },
};

export const subnetStore: StoredKind<SubnetObject> = {
  kind: "subnet",
  topic: topic("api", "subnets"),
  project: projectSubnet,
  guards: () => [],
  references: (s) => [key(networkStore.topic, "network", s.network_id)],
  indexes: { ...standardIndexes, network_id: (s) => [s.network_id] },
};

export const portStore: StoredKind<PortObject> = {
  kind: "port",
  topic: topic("api", "ports"),
  project: projectPort,
  guards: (p) => [
    keyGuard("port", p.key),
    key(networkRefs(p.network_id), "mac", p.mac_address),
    ...p.fixed_ips.map((f) => key(subnetRefs(f.subnet_id), "ip", f.ip_address)),
    ...p.security_groups.map((id) => key(securityGroupRefs(id), "port", p.id)),
  ],
  references: (p) => [
    key(networkStore.topic, "network", p.network_id),
    ...new Map(p.fixed_ips.map((f) => [f.subnet_id, key(subnetStore.topic, "subnet", f.subnet_id)])).values(),
    ...p.security_groups.map((id) => key(securityGroupStore.topic, "security-group", id)),
    ...(p.identity_key === 0 ? [] : [key(identityStore.topic, "identity", identityId(p.security_groups))]),
  ],
  indexes: {
    ...standardIndexes,
    network_id: (p) => [p.network_id],
    device_id: (p) => [p.device_id],
    mac_address: (p) => [p.mac_address],
    "binding:host_id": (p) => [p.host_id],
    subnet_id: (p) => [...new Set(p.fixed_ips.map((f) => f.subnet_id))],
    ip_address: (p) => p.fixed_ips.map((f) => f.ip_address),
    key: (p) => [String(p.key)],
    security_group: (p) => p.security_groups,
  },
};

/** Every project has one group of this name, and one only. */
export const DEFAULT_GROUP = "default";

const distinct = (ids: readonly (string | null)[]): readonly string[] => [...new Set(ids.filter((id) => id !== null))];
const remoteGroups = (g: SecurityGroupObject) =>
  distinct(g.rules.map((rule) => rule.remote_group_id)).filter((id) => id !== g.id);
const remoteAddressGroups = (g: SecurityGroupObject) => distinct(g.rules.map((rule) => rule.remote_address_group_id));

export const securityGroupStore: StoredKind<SecurityGroupObject> = {
  kind: "security-group",
  topic: topic("api", "security-groups"),
  project: projectSecurityGroup,
  guards: (g) => [
    ...(g.name === DEFAULT_GROUP ? [key(topic("refs", "default-security-groups"), "project", g.project_id)] : []),
    ...remoteGroups(g).map((id) => key(securityGroupRefs(id), "group", g.id)),
    ...remoteAddressGroups(g).map((id) => key(addressGroupRefs(id), "group", g.id)),
  ],
  references: (g) => [
    ...remoteGroups(g).map((id) => key(securityGroupStore.topic, "security-group", id)),
    ...remoteAddressGroups(g).map((id) => key(addressGroupStore.topic, "address-group", id)),
  ],
  indexes: {
    ...standardIndexes,
    default: (g) => (g.name === DEFAULT_GROUP ? [g.project_id] : []),
  },
};

export const addressGroupStore: StoredKind<AddressGroupObject> = {
  kind: "address-group",
  topic: topic("api", "address-groups"),
  project: projectAddressGroup,
  guards: () => [],
  references: () => [],
  indexes: standardIndexes,
};

/** The id of a set of groups, made from their ids: who makes the same set makes the same object. */
export function identityId(groups: readonly string[]): string {
  return createHash("sha256").update(groups.join(" ")).digest("hex").slice(0, 32);
}

export const identityStore: StoredKind<IdentityObject> = {
  kind: "identity",
  topic: topic("api", "identities"),
  project: projectIdentity,
  guards: (i) => [keyGuard("identity", i.key)],
  references: (i) => i.groups.map((id) => key(securityGroupStore.topic, "security-group", id)),
  indexes: { key: (i) => [String(i.key)], group: (i) => i.groups },
};

export const routerStore: StoredKind<RouterObject> = {
  kind: "router",
  topic: topic("api", "routers"),
  project: projectRouter,
  guards: (r) => [keyGuard("router", r.key)],
  references: () => [],
  indexes: { ...standardIndexes, key: (r) => [String(r.key)] },
};

export const agentStore: StoredKind<AgentObject> = {
  kind: "agent",
  topic: topic("api", "agents"),
  project: () => [],
  guards: () => [],
  references: () => [],
  indexes: { host: (a) => [a.host] },
};

export const quotaStore: StoredKind<QuotaObject> = {
  kind: "quota",
  topic: topic("api", "quotas"),
  project: () => [],
  guards: () => [],
  references: () => [],
  indexes: {},
};
