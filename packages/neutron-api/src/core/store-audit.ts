import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  chassisTopic,
  claimRefusalKind,
  decodeFields,
  endpointKind,
  endpointTopic,
  type NbRecord,
  type RecordId,
  recordId,
  ShapeError,
  splitRecordId,
  statusTopic,
  type Topic,
  topic,
} from "@dragonflow/model";
import { LEASE_TOPIC, type StoreDriver } from "@dragonflow/store";
import type { Collection } from "./collection.ts";
import {
  addressGroupRefs,
  addressGroupStore,
  type AgentObject,
  agentStore,
  identityStore,
  networkRefs,
  networkStore,
  portStore,
  quotaStore,
  type RecordKey,
  routerStore,
  securityGroupRefs,
  securityGroupStore,
  type StoredKind,
  subnetRefs,
  subnetStore,
} from "./kinds.ts";
import type { State } from "./state.ts";

/** The object that a record stands for. */
export interface RecordOwner {
  readonly kind: string;
  readonly id: string;
}
/** A record that has to be there. `fields` null: that it is there is all that it says. */
export interface ExpectedRecord extends RecordKey {
  readonly owner: RecordOwner;
  readonly fields: Readonly<Record<string, unknown>> | null;
}
/** A record as it is. */
export interface FoundRecord extends RecordKey {
  readonly kind: string;
  readonly fields: { readonly id: string; readonly [name: string]: unknown };
}

/**
 * `missing`, `surplus`: a record that its object stands for, or none does. `different`: not what its object says. `dangling`: its object refers to what
 * is not there. `shared`: two objects hold a guard that is for one. `unreadable`: no record at all.
 */
export interface RecordDifference extends RecordKey {
  readonly problem: "missing" | "surplus" | "different" | "dangling" | "shared" | "unreadable";
  /** Null where no object stands for it. */
  readonly owner: RecordOwner | null;
  readonly detail: string;
}
export interface RecordAudit {
  readonly records: readonly FoundRecord[];
  readonly topics: number;
  /** SHA-256 over all that was read, in order of topic and id: two stores that say the same have the same. */
  readonly digest: string;
  readonly differences: readonly RecordDifference[];
}

const keyText = ({ topic: in_, id }: RecordKey): string => `${in_} ${id}`;

/** Fields as they come back from the store. */
function plain(fields: object): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(JSON.stringify(fields));
  return { ...(typeof value === "object" ? value : {}) };
}

function expectedOf<O extends { readonly id: string }>(kind: StoredKind<O>, table: Collection<O>): ExpectedRecord[] {
  return Array.from(table.values()).flatMap((object) => {
    const owner = { kind: kind.kind, id: object.id };
    const projected = ({ topic: in_, id, fields }: NbRecord) => ({ topic: in_, id, owner, fields: plain(fields) });
    return [
      { topic: kind.topic, id: recordId(kind.kind, object.id), owner, fields: null },
      ...kind.project(object).map(projected),
      ...kind.guards(object).map((key) => ({ ...key, owner, fields: null })),
    ];
  });
}

/** Every record that the objects of the cloud project to, and every guard that they hold; without what controllers say, and what follows from that. */
export function expectedRecords(state: State): readonly ExpectedRecord[] {
  return [
    ...expectedOf(networkStore, state.networks),
    ...expectedOf(subnetStore, state.subnets),
    ...expectedOf(portStore, state.ports),
    ...expectedOf(routerStore, state.routers),
    ...expectedOf(securityGroupStore, state.securityGroups),
    ...expectedOf(addressGroupStore, state.addressGroups),
    ...expectedOf(identityStore, state.identities),
    ...expectedOf(agentStore, state.agents),
    ...expectedOf(quotaStore, state.quotas),
  ];
}

/** Where other hosts send tunnel packets for this one: made of the same reports as its agent. */
function endpointOf({ id, host, tunnel_ip, encapsulations }: AgentObject): ExpectedRecord {
  const key = { topic: endpointTopic(host), id: recordId(endpointKind.kind, host) };
  return { ...key, owner: { kind: "agent", id }, fields: { id: host, ip: tunnel_ip, encapsulations } };
}

/** Topics that objects, or what a person has seen of them, lead to. */
export interface KnownIds {
  readonly networks: Iterable<string>;
  readonly subnets: Iterable<string>;
  readonly routers: Iterable<string>;
  readonly securityGroups: Iterable<string>;
  readonly addressGroups: Iterable<string>;
  readonly hosts: Iterable<string>;
}

/** Every topic that a record of an object may be in. */
export function topicsOf(ids: KnownIds): readonly Topic[] {
  return [
    ...[networkStore, subnetStore, portStore, routerStore, agentStore, quotaStore].map((kind) => kind.topic),
    ...[securityGroupStore, addressGroupStore, identityStore].map((kind) => kind.topic),
    ...["network", "port", "router", "identity"].map((kind) => topic("refs", "keys", kind)),
    topic("refs", "default-security-groups"),
    ...["geneve", "vxlan"].map((type) => topic("refs", "segments", type)),
    ...[...ids.networks].flatMap((id) => [topic("network", id), topic("identity", id), networkRefs(id)]),
    ...[...ids.subnets].map(subnetRefs),
    ...[...ids.routers].map((id) => topic("router", id)),
    ...[...ids.securityGroups].flatMap((id) => [topic("security-group", id), securityGroupRefs(id)]),
    ...[...ids.addressGroups].flatMap((id) => [topic("address-group", id), addressGroupRefs(id)]),
    ...[...ids.hosts].map(chassisTopic),
  ];
}

const hostsOf = ({ agents, ports }: State): ReadonlySet<string> =>
  new Set([
    ...[...agents.values()].map(({ host }) => host),
    ...[...ports.values()].map(({ host_id }) => host_id),
  ]).difference(new Set([""]));

/** Every topic that a server writes for the objects of a cloud. */
function topicsOfState(state: State): readonly Topic[] {
  const hosts = hostsOf(state);
  const ofObjects = topicsOf({
    networks: state.networks.ids(),
    subnets: state.subnets.ids(),
    routers: state.routers.ids(),
    securityGroups: state.securityGroups.ids(),
    addressGroups: state.addressGroups.ids(),
    hosts,
  });
  return [...ofObjects, ...[...hosts].map(endpointTopic)];
}
/** Every topic in which something of the cloud may be: also what controllers report, and who lives. */
export const topicsOfCloud = (state: State): readonly Topic[] => [
  ...topicsOfState(state),
  ...[...hostsOf(state)].map(statusTopic),
  LEASE_TOPIC,
];

function danglingOf<O extends { readonly id: string }>(
  kind: StoredKind<O>,
  table: Collection<O>,
  found: ReadonlyMap<string, FoundRecord>,
): readonly RecordDifference[] {
  return Array.from(table.values()).flatMap((object) =>
    kind
      .references(object)
      .filter((key) => !found.has(keyText(key)))
      .map(({ topic: in_, id }): RecordDifference => {
        const owner = { kind: kind.kind, id: object.id };
        return { topic: in_, id, problem: "dangling", owner, detail: `${kind.kind} ${object.id} refers to it` };
      }),
  );
}

/**
 * What the store holds against what its objects stand for: every record that they project to with every field, every guard, every reference, and
 * nothing else in their topics. It reads only. A cloud that changes meanwhile shows differences that are none: they are gone when it is asked again.
 *
 * A topic is found by the object that it belongs to: what is left in the topics of an object that is gone cannot be seen.
 */
export async function auditRecords(
  driver: StoreDriver,
  state: State,
  tell: (read: number, of: number) => void = () => undefined,
): Promise<RecordAudit> {
  const differences: RecordDifference[] = [];
  const expected = new Map<string, ExpectedRecord>();
  for (const one of [...expectedRecords(state), ...[...state.agents.values()].map(endpointOf)]) {
    const other = expected.get(keyText(one));
    expected.set(keyText(one), one);
    if (other === undefined) continue;
    const detail = `${other.owner.kind} ${other.owner.id} holds it too`;
    differences.push({ ...keyOf(one), problem: "shared", owner: one.owner, detail });
  }
  const topics = topicsOfState(state);
  const { records, unreadable, digest } = await readTopics(driver, topics, tell);
  const found = new Map(records.map((one) => [keyText(one), one] as const));
  differences.push(...unreadable.map((one) => ({ ...one, owner: expected.get(keyText(one))?.owner ?? null })));
  const bad = new Set(unreadable.map(keyText));
  for (const [key, wanted] of expected) {
    const there = found.get(key);
    if (there !== undefined) differences.push(...compare(wanted, there));
    else if (!bad.has(key)) {
      const { kind, id } = wanted.owner;
      differences.push({ ...keyOf(wanted), problem: "missing", owner: wanted.owner, detail: `${kind} ${id} needs it` });
    }
  }
  for (const [key, there] of found)
    if (!expected.has(key) && there.kind !== claimRefusalKind.kind)
      differences.push({ ...keyOf(there), problem: "surplus", owner: null, detail: "no object stands for it" });
  differences.push(
    ...danglingOf(subnetStore, state.subnets, found),
    ...danglingOf(portStore, state.ports, found),
    ...danglingOf(securityGroupStore, state.securityGroups, found),
    ...danglingOf(identityStore, state.identities, found),
  );
  return { records, topics: topics.length, digest, differences };
}

const keyOf = ({ topic: in_, id }: RecordKey): RecordKey => ({ topic: in_, id });

function compare(wanted: ExpectedRecord, there: FoundRecord): readonly RecordDifference[] {
  const { owner, fields } = wanted;
  if (fields === null) return [];
  const wrong = Object.keys(fields).filter((name) => !isDeepStrictEqual(fields[name], there.fields[name]));
  if (wrong.length === 0) return [];
  const detail = wrong.map((name) => {
    const [is, shallBe] = [there.fields[name], fields[name]].map((value) => JSON.stringify(value) ?? "nothing");
    return `${name} is ${is}, and ${owner.kind} ${owner.id} says ${shallBe}`;
  });
  return [{ ...keyOf(wanted), problem: "different", owner, detail: detail.join("; ") }];
}

/** Of so many topics at a time: each is a round trip. */
const TOPICS_AT_ONCE = 32;

async function readTopics(driver: StoreDriver, topics: readonly Topic[], tell: (read: number, of: number) => void) {
  const records: FoundRecord[] = [];
  const unreadable: RecordDifference[] = [];
  const hash = createHash("sha256");
  const ordered = [...new Set(topics)].sort();
  for (let at = 0; at < ordered.length; at += TOPICS_AT_ONCE) {
    const parts = await Promise.all(ordered.slice(at, at + TOPICS_AT_ONCE).map((each) => readTopic(driver, each)));
    for (const { name, rows } of parts)
      for (const { id, value } of rows) {
        hash.update(`${name} ${id} ${value.byteLength} `).update(value);
        const read = decoded(name, id, value);
        if ("problem" in read) unreadable.push(read);
        else records.push(read);
      }
    tell(Math.min(at + TOPICS_AT_ONCE, ordered.length), ordered.length);
  }
  return { records, unreadable, digest: hash.digest("hex") };
}

async function readTopic(driver: StoreDriver, name: Topic) {
  const snapshot = await driver.snapshot(name);
  const rows: { readonly id: RecordId; readonly value: Uint8Array }[] = [];
  for await (const page of snapshot.rows) rows.push(...page);
  return { name, rows: rows.sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

function decoded(in_: Topic, id: RecordId, value: Uint8Array): FoundRecord | RecordDifference {
  const { kind, id: own } = splitRecordId(id);
  try {
    // Guards say nothing, not even their id.
    return { topic: in_, id, kind, fields: withId(own, decodeFields(value)) };
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return { topic: in_, id, problem: "unreadable", owner: null, detail: error.message };
  }
}

function withId(own: string, fields: Readonly<Record<string, unknown>>): FoundRecord["fields"] {
  const { id = own } = fields;
  return { ...fields, id: typeof id === "string" ? id : own };
}
