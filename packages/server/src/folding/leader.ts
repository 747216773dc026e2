import { recordId, statusTopic, type Topic, topic } from "@dragonflow/model";
import { agentId, type Engine, recordChassis, setChassisAlive } from "@dragonflow/neutron-api";
import {
  type Change,
  commitWithRetry,
  type Expect,
  type Lease,
  LEASE_TOPIC,
  LeaseLost,
  leaseRecordId,
  Replica,
  type ReplicaBatch,
  type StoreDriver,
} from "@dragonflow/store";
import type { Logger } from "pino";
import { type FoldedPort, foldChassis } from "./fold.ts";
import { NOTES_TOPIC, Notes } from "./notes.ts";
import { foldedPort, foldPorts } from "./ports.ts";
import { Reports } from "./reports.ts";

const AGENTS_TOPIC = topic("api", "agents");

/** Ports and chassis that were folded. */
export interface FoldingCounts {
  ports: number;
  chassis: number;
}
interface LeaderOptions {
  readonly engine: Engine;
  readonly driver: StoreDriver;
  readonly lease: Lease;
  readonly log: Logger;
  /** Counted up. */
  readonly counts: FoldingCounts;
}

/**
 * The folding, while this server leads: follows what chassis report, and whenever something of a port or a chassis
 * has changed, folds that port or chassis anew and writes what differs. Nothing is decided while any of it is out of
 * date.
 */
export class Leader {
  readonly #engine: Engine;
  readonly #driver: StoreDriver;
  readonly #log: Logger;
  readonly #counts: FoldingCounts;
  /** Refused once another server leads. */
  readonly #fence: Expect;
  readonly #reports: Reports;
  readonly #notes: Notes;
  readonly #replica: Replica;
  readonly #changedPorts = new Set<string>();
  readonly #changedChassis = new Set<string>();
  readonly #followed = new Set<Topic>([LEASE_TOPIC, NOTES_TOPIC]);
  /** Those of them that are not up to date. */
  readonly #behind = new Set<Topic>(this.#followed);
  #woken = Promise.withResolvers<void>();

  constructor({ engine, driver, lease, log, counts }: LeaderOptions) {
    this.#engine = engine;
    this.#driver = driver;
    this.#log = log;
    this.#counts = counts;
    this.#fence = { kind: "version", topic: LEASE_TOPIC, id: leaseRecordId(lease.name), version: lease.fence };
    const listener = {
      chassisChanged: (name: string) => void this.#changedChassis.add(name),
      portChanged: (id: string) => void this.#changedPorts.add(id),
    };
    this.#notes = new Notes(listener);
    this.#reports = new Reports({
      ...listener,
      bad: ({ topic, kind, id }, error) =>
        log.warn({ topic, record: `${kind}/${id}`, reason: error.message }, "a report that cannot be read was ignored"),
    });
    this.#replica = new Replica({
      watch: driver.watch(),
      onBatch: (batch) => this.#take(batch),
      lingerSeconds: 0,
      // The objects that are folded into come from the same store: they are gone with the reports.
      mayShrink: () => true,
    });
  }

  /** The API changed this port, or made or removed it. */
  portChanged(id: string): void {
    this.#changedPorts.add(id);
    this.#woken.resolve();
  }
  /** Likewise a chassis's agent. */
  agentChanged(host: string): void {
    this.#changedChassis.add(host);
    this.#woken.resolve();
  }

  /**
   * Folds until `signal` aborts. @throws what the store throws, {@link LeaseLost} among it: whoever leads next starts
   * over.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stop(), { once: true });
    if (signal.aborted) stop();
    try {
      await Promise.race([stopped, this.#replica.done, this.#foldAll(signal)]);
    } finally {
      await this.#replica.close();
    }
  }

  async #foldAll(signal: AbortSignal): Promise<void> {
    const { ports, agents } = await this.#engine.read();
    for (const { id } of ports.values()) this.#changedPorts.add(id);
    for (const { host } of agents.values()) this.#changedChassis.add(host);
    this.#replica.add(this.#followed);
    this.#follow(this.#changedChassis);
    while (!signal.aborted) {
      const hasWork = this.#changedChassis.size > 0 || this.#changedPorts.size > 0;
      if (this.#behind.size > 0 || !hasWork) {
        await this.#woken.promise;
        this.#woken = Promise.withResolvers();
        continue;
      }
      await this.#foldChassis(signal);
      await this.#foldPorts(signal);
    }
  }

  #take({ changes, topics }: ReplicaBatch): void {
    for (const change of changes) {
      this.#reports.take(change);
      this.#notes.take(change);
    }
    for (const { topic, state } of topics) {
      if (state === "current") this.#behind.delete(topic);
      else if (this.#followed.has(topic)) this.#behind.add(topic);
    }
    this.#follow(this.#changedChassis);
    this.#woken.resolve();
  }

  #hasAgent(chassis: string): boolean {
    return this.#engine.state.agents.get(agentId(chassis)) !== undefined;
  }

  #follow(chassis: Iterable<string>): void {
    const fresh: Topic[] = [];
    for (const name of chassis) {
      const topic = statusTopic(name);
      if (this.#followed.has(topic)) continue;
      if (!this.#reports.isAlive(name) && !this.#notes.isKnown(name) && !this.#hasAgent(name)) continue;
      this.#followed.add(topic);
      fresh.push(topic);
    }
    if (fresh.length === 0) return;
    this.#replica.add(fresh);
    for (const topic of fresh) if (this.#replica.state(topic) !== "current") this.#behind.add(topic);
  }

  async #foldChassis(signal: AbortSignal): Promise<void> {
    const chassis = [...this.#changedChassis];
    this.#changedChassis.clear();
    this.#counts.chassis += chassis.length;
    const changes: (readonly Change[])[] = [];
    const agents: (() => Promise<unknown>)[] = [];
    for (const name of chassis) {
      const isAlive = this.#reports.isAlive(name);
      const status = this.#reports.statusOf(name);
      const folded = foldChassis({ name, isAlive, hasAgent: this.#hasAgent(name), status });
      if (folded === "forget") {
        await this.#forget(name, signal);
        continue;
      }
      changes.push(...this.#notes.knowing(name, folded === "keep" ? undefined : folded));
      if (!isAlive) agents.push(() => setChassisAlive(this.#engine, name, false));
      else if (status !== undefined) agents.push(() => recordChassis(this.#engine, status, true));
    }
    await this.#commit(changes, [], signal);
    await Promise.all(agents.map((write) => write()));
  }

  /** Nothing of a chassis that has no agent stays, unless it came back meanwhile. */
  async #forget(chassis: string, signal: AbortSignal): Promise<void> {
    const changes = this.#notes.forgetting(chassis, this.#reports.recordsOf(chassis));
    const gone: readonly Expect[] = [
      { kind: "absent", topic: LEASE_TOPIC, id: leaseRecordId(`chassis/${chassis}`) },
      { kind: "absent", topic: AGENTS_TOPIC, id: recordId("agent", agentId(chassis)) },
    ];
    if (!(await this.#commit(changes, gone, signal))) return;
    if (changes.length > 0) this.#log.info({ chassis }, "chassis forgotten");
    const topic = statusTopic(chassis);
    if (!this.#followed.delete(topic)) return;
    this.#behind.delete(topic);
    this.#replica.drop(topic);
  }

  async #foldPorts(signal: AbortSignal): Promise<void> {
    const ports = [...this.#changedPorts];
    this.#changedPorts.clear();
    this.#counts.ports += ports.length;
    const claimsOf = (id: string) => this.#reports.claimsOf(id);
    const written: ReadonlyMap<string, FoldedPort | undefined> = await foldPorts(this.#engine, ports, claimsOf, {
      operationsPerCommit: this.#driver.capabilities.limits.opsPerCommit,
      failed: (id, error) => this.#log.error({ port: id, err: error }, "this port cannot be folded"),
    });
    const changes = ports.flatMap((id) => {
      const folded = written.get(id) ?? foldedPort(this.#engine.state.ports.get(id), claimsOf(id));
      return this.#notes.refusing(id, folded?.host_id ?? "", folded?.refused ?? []);
    });
    await this.#commit(changes, [], signal);
  }

  /**
   * Commits all of it, in as few commits as the store allows, and returns once the notes show it.
   * @returns false when something of `expect` did not hold: then the rest was not written.
   */
  async #commit(
    groups: readonly (readonly Change[])[],
    expect: readonly Expect[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const room = this.#driver.capabilities.limits.opsPerCommit - expect.length - 1;
    for (const changes of packed(groups, room)) {
      const result = await commitWithRetry(this.#driver, changes, [this.#fence, ...expect], { signal });
      if (!result.ok) {
        if (result.failed.some((failed) => failed.kind === "version")) throw new LeaseLost("another server folds now");
        return false;
      }
      const position = result.positions.get(NOTES_TOPIC);
      const { lineage } = result;
      if (position !== undefined) await this.#replica.waitFor(NOTES_TOPIC, position, { lineage, signal });
    }
    return true;
  }
}

/** Groups that stay together, in commits of `room` changes at most. */
function packed(groups: readonly (readonly Change[])[], room: number): readonly (readonly Change[])[] {
  const commits: Change[][] = [];
  for (const group of groups) {
    const last = commits.at(-1);
    if (last === undefined || last.length + group.length > room) commits.push([...group]);
    else last.push(...group);
  }
  return commits;
}
