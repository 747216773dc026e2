import { randomUUID } from "node:crypto";
import type {
  AddressGroupObject,
  IdentityObject,
  NetworkObject,
  PortObject,
  RouterObject,
  SecurityGroupObject,
  SubnetObject,
  Topic,
} from "@dragonflow/model";
import type { Position } from "@dragonflow/store";
import { overQuota } from "../errors.ts";
import type { Ip } from "../ipam/addresses.ts";
import type { Collection, Table } from "./collection.ts";
import { CommitPlan, type VersionOf } from "./commit-plan.ts";
import type { ApiConfig } from "./config.ts";
import {
  type AgentObject,
  addressGroupStore,
  agentStore,
  identityStore,
  networkStore,
  portStore,
  type QuotaObject,
  quotaRefs,
  quotaStore,
  routerStore,
  securityGroupStore,
  type StoredKind,
  subnetStore,
} from "./kinds.ts";
import type { Limited } from "./limited.ts";
import { RuleOverlay } from "./security-group-rules.ts";
import type { Reader, State } from "./state.ts";

/** Objects as a request has changed them so far, over those of the state. */
export class Overlay<O extends { readonly id: string }> implements Table<O> {
  readonly #kind: StoredKind<O>;
  readonly #base: Collection<O>;
  readonly #edits = new Map<string, O | undefined>();

  constructor(kind: StoredKind<O>, base: Collection<O>) {
    this.#kind = kind;
    this.#base = base;
  }

  get(id: string): O | undefined {
    return this.#edits.has(id) ? this.#edits.get(id) : this.#base.get(id);
  }
  by(index: string, key: string): readonly O[] {
    const base = this.#base.by(index, key);
    if (this.#edits.size === 0) return base;
    const keys = this.#kind.indexes[index];
    const edited = [...this.#edits.values()].filter((o) => o !== undefined);
    return [
      ...base.filter((o) => !this.#edits.has(o.id)),
      ...edited.filter((o) => keys !== undefined && keys(o).includes(key)),
    ];
  }
  count(index: string, key: string): number {
    return this.#edits.size === 0 ? this.#base.count(index, key) : this.by(index, key).length;
  }
  edits(): Iterable<readonly [string, O | undefined]> {
    return this.#edits;
  }
  *values(): Iterable<O> {
    for (const object of this.#base.values()) if (!this.#edits.has(object.id)) yield object;
    for (const object of this.#edits.values()) if (object !== undefined) yield object;
  }
  put(object: O): O {
    this.#edits.set(object.id, object);
    return object;
  }
  delete(id: string): void {
    this.#edits.set(id, undefined);
  }

  /** Adds to a commit what these edits mean. */
  collect(plan: CommitPlan): void {
    for (const [id, after] of this.#edits) plan.replace(this.#kind, id, this.#base.get(id), after);
  }
}

/** The attempt needs to know that a topic stays as it is: its head has to be read before the state is. */
export class NeedsHead extends Error {
  override readonly name = "NeedsHead";
  readonly topic: Topic;
  constructor(topic: Topic) {
    super(topic);
    this.topic = topic;
  }
}

/** Whether it can be done depends on requests of this process that have not ended: wait for one, and try again. */
export class Unsettled extends Error {
  override readonly name = "Unsettled";
}

/** Below this distance from a limit, creations of one project are counted one by one, whichever servers they go through. */
const QUOTA_MARGIN = 200;

/** One attempt of one request: reads the state, collects changes, writes nothing itself. */
export class Transaction implements Reader {
  readonly config: ApiConfig;
  /** Time of the attempt, as Neutron writes times. */
  readonly now: string;
  readonly networks: Overlay<NetworkObject>;
  readonly subnets: Overlay<SubnetObject>;
  readonly ports: Overlay<PortObject>;
  readonly routers: Overlay<RouterObject>;
  readonly securityGroups: Overlay<SecurityGroupObject>;
  readonly securityGroupRules: RuleOverlay;
  readonly addressGroups: Overlay<AddressGroupObject>;
  readonly identities: Overlay<IdentityObject>;
  readonly agents: Overlay<AgentObject>;
  readonly quotas: Overlay<QuotaObject>;
  readonly #state: State;
  readonly #heads: ReadonlyMap<Topic, Position>;
  readonly #plan: CommitPlan;
  #chosenId: string | undefined;
  readonly #reservations: { readonly subnetId: string; readonly ip: string }[] = [];

  /** @param heads the positions that topics had before the state was read. */
  constructor(state: State, versionOf: VersionOf, heads: ReadonlyMap<Topic, Position>) {
    this.#state = state;
    this.#heads = heads;
    this.#plan = new CommitPlan(versionOf);
    this.config = state.config;
    this.now = timestamp(new Date());
    this.networks = new Overlay(networkStore, state.networks);
    this.subnets = new Overlay(subnetStore, state.subnets);
    this.ports = new Overlay(portStore, state.ports);
    this.routers = new Overlay(routerStore, state.routers);
    this.securityGroups = new Overlay(securityGroupStore, state.securityGroups);
    this.securityGroupRules = new RuleOverlay(state.securityGroupRules, this.securityGroups);
    this.addressGroups = new Overlay(addressGroupStore, state.addressGroups);
    this.identities = new Overlay(identityStore, state.identities);
    this.agents = new Overlay(agentStore, state.agents);
    this.quotas = new Overlay(quotaStore, state.quotas);
  }

  /** The next object that is made gets this id. */
  chooseId(id: string): void {
    this.#chosenId = id;
  }
  /** The id of a new object: what the client chose, once; else a random one. */
  newId(): string {
    const chosen = this.#chosenId;
    this.#chosenId = undefined;
    return chosen ?? randomUUID();
  }

  /** The commit fails if this topic has changed since the state was read. */
  expectUnchanged(topic: Topic): void {
    const head = this.#heads.get(topic);
    if (head === undefined) throw new NeedsHead(topic);
    this.#plan.expectUnchanged(topic, head);
  }

  /** The commit fails if this object has changed since the state was read, or is no more. */
  expectSame<O extends { readonly id: string }>(kind: StoredKind<O>, id: string): void {
    this.#plan.expectSame(kind, id);
  }

  /** The object as a change leaves it: one revision on, at this time. The same object if nothing changed. */
  revise<O extends { readonly revision_number: number; readonly updated_at: string }>(
    object: O,
    change: Partial<O>,
  ): O {
    const changed = { ...object, ...change };
    if (JSON.stringify(changed) === JSON.stringify(object)) return object;
    return this.touch(changed);
  }
  /** One revision on: something that belongs to the object changed. */
  touch<O extends { readonly revision_number: number; readonly updated_at: string }>(object: O): O {
    return { ...object, revision_number: object.revision_number + 1, updated_at: this.now };
  }

  /** @returns how many of these the project may have; negative: as many as it likes. */
  limitOf(resource: Limited, projectId: string): number {
    return this.quotas.get(projectId)?.limits[resource] ?? this.config.quotas[resource] ?? -1;
  }
  /** @throws {NeutronError} OverQuota, when `adding` more objects of a project would pass its limit. */
  checkQuota(resource: Limited, projectId: string, adding: number): void {
    const limit = this.limitOf(resource, projectId);
    if (limit < 0) return;
    const used = this.#state.countOf(resource, projectId);
    if (used + adding > limit) throw overQuota([resource]);
    const refs = quotaRefs(projectId, resource);
    if (used + adding > limit - QUOTA_MARGIN) this.expectUnchanged(refs);
    this.#plan.mark(refs, "used");
  }

  /** A free address of the subnet, this attempt's until it ends; undefined if there is none. @throws {Unsettled} */
  reserveAny(subnet: SubnetObject, lowest: boolean): string | undefined {
    const ip = this.#state.allocations.reserve(subnet, lowest);
    if (ip !== undefined) this.#reservations.push({ subnetId: subnet.id, ip });
    return ip;
  }
  /** @returns false if this attempt or another unfinished one has it. */
  reserveAddress(subnetId: string, ip: Ip, text: string): boolean {
    if (!this.#state.allocations.reserveAddress(subnetId, ip)) {
      if (this.#reservations.some((r) => r.subnetId === subnetId && r.ip === text)) return false;
      throw new Unsettled();
    }
    this.#reservations.push({ subnetId, ip: text });
    return true;
  }
  /** @throws {Unsettled} when other unfinished requests hold addresses of these subnets. */
  settle(subnets: readonly SubnetObject[]): void {
    const own = (subnetId: string) => this.#reservations.filter((r) => r.subnetId === subnetId).length;
    if (subnets.some((s) => this.#state.allocations.reservedCount(s.id) > own(s.id))) throw new Unsettled();
  }
  release(): void {
    for (const { subnetId, ip } of this.#reservations) this.#state.allocations.release(subnetId, ip);
    this.#reservations.length = 0;
  }

  /** Everything that this attempt wants written, and what must hold for it. */
  plan(): CommitPlan {
    this.networks.collect(this.#plan);
    this.subnets.collect(this.#plan);
    this.routers.collect(this.#plan);
    this.addressGroups.collect(this.#plan);
    this.securityGroups.collect(this.#plan);
    this.identities.collect(this.#plan);
    this.ports.collect(this.#plan);
    this.agents.collect(this.#plan);
    this.quotas.collect(this.#plan);
    return this.#plan;
  }
}

/** RFC 3339 to the second, in UTC. */
export function timestamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
