import { type Delta, Engine, LOCAL, type PartitionChange, putRow, type RowChange } from "@dragonflow/engine";
import { chassisTopic, type Topic } from "@dragonflow/model";
import { hosts, localPorts } from "@dragonflow/pipeline";
import { APPS } from "./apps.ts";
import { type Compiled, compiledOutput } from "./dispatch.ts";
import { policies } from "./recheck/policy.ts";
import type { ControllerSettings } from "./settings.ts";

/** Takes one batch of what the engine made of the changes, and the time that it took. */
export type OnDelta = (delta: Delta<Compiled>, seconds: number) => void;

/**
 * The engine and its queue: rows come from the store and from the local switch; what comes in one turn of the event loop is one batch.
 */
export class Compiler {
  readonly engine: Engine<Compiled>;
  readonly #onDelta: OnDelta;
  readonly #own: Topic;
  #rows: RowChange[] = [];
  #partitions: PartitionChange[] = [];
  #scheduled = false;
  /** The host's own topic has arrived. */
  #known = false;
  #closed = false;

  constructor(settings: Pick<ControllerSettings, "chassis" | "tunnelIp">, onDelta: OnDelta) {
    const own = chassisTopic(settings.chassis);
    this.#own = own;
    this.engine = new Engine<Compiled>({
      apps: [...APPS.map((app) => app.compile), policies],
      output: compiledOutput,
      roots: (partition) => partition === LOCAL || partition === own,
    });
    this.#onDelta = onDelta;
    this.change([putRow(hosts, LOCAL, { id: "self", chassis: settings.chassis, tunnelIp: settings.tunnelIp })]);
  }

  /** Nothing is on its way, and no unit waits for a topic. */
  get settled(): boolean {
    return !this.#scheduled && this.#known && this.engine.pendingUnits().length === 0;
  }

  /** Whether the store has this port, bound to this host. */
  knowsPort(id: string): boolean {
    return this.engine.row(localPorts, this.#own, id) !== undefined;
  }

  change(rows: readonly RowChange[], partitions: readonly PartitionChange[] = []): void {
    if (this.#closed || (rows.length === 0 && partitions.length === 0)) return;
    for (const row of rows) this.#rows.push(row);
    for (const partition of partitions) this.#partitions.push(partition);
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => this.#run());
  }

  /** No batch comes after this. */
  close(): void {
    this.#closed = true;
  }

  #run(): void {
    if (this.#closed) return;
    const rows = this.#rows;
    const partitions = this.#partitions;
    this.#rows = [];
    this.#partitions = [];
    this.#scheduled = false;
    this.#known ||= partitions.some(({ partition, state }) => partition === this.#own && state === "current");
    const startedAt = performance.now();
    const delta = this.engine.apply(rows, partitions);
    this.#onDelta(delta, (performance.now() - startedAt) / 1000);
  }
}
