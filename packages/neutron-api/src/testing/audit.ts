import assert from "node:assert/strict";
import { recordId, type Topic, topic } from "@dragonflow/model";
import type { StoreDriver } from "@dragonflow/store";
import type { Collection } from "../core/collection.ts";
import {
  addressGroupRefs,
  addressGroupStore,
  agentStore,
  identityStore,
  networkRefs,
  networkStore,
  portStore,
  quotaStore,
  routerStore,
  securityGroupRefs,
  securityGroupStore,
  type StoredKind,
  subnetRefs,
  subnetStore,
} from "../core/kinds.ts";
import type { State } from "../core/state.ts";

/** Every id that a test has ever seen, so that what should be gone is looked for. */
export interface Seen {
  readonly networks: Set<string>;
  readonly subnets: Set<string>;
  readonly routers: Set<string>;
  readonly securityGroups: Set<string>;
  readonly addressGroups: Set<string>;
  readonly hosts: Set<string>;
}
export const nothingSeen = (): Seen => ({
  networks: new Set(),
  subnets: new Set(),
  routers: new Set(),
  securityGroups: new Set(),
  addressGroups: new Set(),
  hosts: new Set(),
});

const name = (of: { readonly topic: Topic; readonly id: string }) => `${of.topic} ${of.id}`;

function recordsOf<O extends { readonly id: string }>(kind: StoredKind<O>, table: Collection<O>): readonly string[] {
  return Array.from(table.values()).flatMap((object) => [
    name({ topic: kind.topic, id: recordId(kind.kind, object.id) }),
    ...kind.project(object).map(name),
    ...kind.guards(object).map(name),
  ]);
}

/** Those that a test has seen, and those that are there: groups come by themselves. */
const ids = (seen: ReadonlySet<string>, table: { ids(): readonly string[] }): readonly string[] => [
  ...new Set([...seen, ...table.ids()]),
];

/** The store holds exactly what its objects stand for: every record that they project to, every guard that they hold, and nothing else. */
export async function auditStore(driver: StoreDriver, state: State, seen: Seen): Promise<void> {
  const expected = [
    ...recordsOf(networkStore, state.networks),
    ...recordsOf(subnetStore, state.subnets),
    ...recordsOf(portStore, state.ports),
    ...recordsOf(routerStore, state.routers),
    ...recordsOf(securityGroupStore, state.securityGroups),
    ...recordsOf(addressGroupStore, state.addressGroups),
    ...recordsOf(identityStore, state.identities),
    ...recordsOf(agentStore, state.agents),
    ...recordsOf(quotaStore, state.quotas),
  ];
  const topics = [
    ...[networkStore, subnetStore, portStore, routerStore, agentStore, quotaStore].map((kind) => kind.topic),
    ...[securityGroupStore, addressGroupStore, identityStore].map((kind) => kind.topic),
    ...["network", "port", "router", "identity"].map((kind) => topic("refs", "keys", kind)),
    topic("refs", "default-security-groups"),
    ...["geneve", "vxlan"].map((type) => topic("refs", "segments", type)),
    ...ids(seen.networks, state.networks).flatMap((id) => [
      topic("network", id),
      topic("identity", id),
      networkRefs(id),
    ]),
    ...[...seen.subnets].map(subnetRefs),
    ...[...seen.routers].map((id) => topic("router", id)),
    ...ids(seen.securityGroups, state.securityGroups).flatMap((id) => [
      topic("security-group", id),
      securityGroupRefs(id),
    ]),
    ...ids(seen.addressGroups, state.addressGroups).flatMap((id) => [topic("address-group", id), addressGroupRefs(id)]),
    ...[...seen.hosts].map((host) => topic("chassis", host)),
  ];
  const found: string[] = [];
  for (const each of topics) {
    const snapshot = await driver.snapshot(each);
    for await (const page of snapshot.rows) found.push(...page.map((row) => name({ topic: each, id: row.id })));
  }
  assert.deepEqual(found.sort(), expected.sort());
}
