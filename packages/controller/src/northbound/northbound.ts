import { setTimeout as wait } from "node:timers/promises";
import type { Delta } from "@dragonflow/engine";
import {
  chassisTopic,
  claimRefusalKind,
  type NbRecord,
  parseTopic,
  recordId,
  statusTopic,
  type Topic,
} from "@dragonflow/model";
import {
  backOff,
  type Lease,
  Replica,
  type ReplicaBatch,
  type ReplicaReport,
  type StoreDriver,
} from "@dragonflow/store";
import type { Desired } from "@dragonflow/pipeline";
import type { Compiler } from "../compiler.ts";
import type { ControllerSettings, Log } from "../settings.ts";
import { parseRecord, toRowChange } from "./rows.ts";

const LEASE_SECONDS = 15;

/**
 * The controller's side of the store: what its units read is what it subscribes to, what arrives goes to the compiler, and its lease says that it
 * lives.
 */
export class Northbound {
  readonly #store: StoreDriver;
  readonly #settings: ControllerSettings;
  readonly #compiler: Compiler;
  readonly #log: Log;
  readonly #replica: Replica;
  readonly #status: Topic;
  readonly #said = new Map<string, NbRecord>();
  readonly #own: Topic;
  readonly #closing = new AbortController();
  readonly #onStatus: () => void;
  #statusKnown = false;
  #lease: Lease | undefined;

  /** @param onStatus what stands in the host's own topic is known now. */
  constructor(
    store: StoreDriver,
    settings: ControllerSettings,
    compiler: Compiler,
    log: Log,
    onStatus: () => void,
    onFailure: (error: Error) => void,
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#compiler = compiler;
    this.#log = log;
    this.#onStatus = onStatus;
    this.#status = statusTopic(settings.chassis);
    this.#own = chassisTopic(settings.chassis);
    this.#replica = new Replica({
      watch: store.watch(),
      parse: parseRecord,
      onBatch: (batch) => this.#arrived(batch),
      onReport: (report) => this.#report(report),
    });
    this.#replica.done.catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))));
    this.#replica.add([this.#own, this.#status]);
    void this.#live();
  }

  /** What the units want now, and what they do not want any more. */
  follow({ added, dropped }: Delta<Desired>["interest"]): void {
    if (added.length > 0) this.#replica.add(added.map(parseTopic));
    for (const topic of dropped) this.#replica.drop(parseTopic(topic));
  }

  /** The records that stand in the host's own topic; undefined while that is not known. */
  stored(): readonly NbRecord[] | undefined {
    return this.#statusKnown ? [...this.#said.values()] : undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#lease?.[Symbol.asyncDispose]();
    await this.#replica.close();
    await this.#store.close();
  }

  #arrived(batch: ReplicaBatch): void {
    const rows = batch.changes.flatMap((change) => {
      if (change.topic === this.#status) this.#remember(change);
      if (change.kind === claimRefusalKind.kind && change.row !== undefined) {
        this.#log.warn(
          { port: change.id, holder: change.row["holder"] },
          "the port of an interface on this host is bound to another host",
        );
      }
      return toRowChange(change) ?? [];
    });
    const wanted = this.#compiler.engine.interest();
    const partitions = batch.topics.flatMap(({ topic, state }) => {
      if (topic !== this.#status) {
        // What is stale stays in force: nothing is removed because the store is away.
        if (state === "stale") return [];
        const forgotten = state === "pending" && !wanted.has(topic) && topic !== this.#own;
        return [{ partition: topic, state: forgotten ? ("dropped" as const) : state }];
      }
      if (state === "current" && !this.#statusKnown) {
        this.#statusKnown = true;
        this.#onStatus();
      }
      return [];
    });
    this.#compiler.change(rows, partitions);
  }

  #remember({ kind, id, row }: ReplicaBatch["changes"][number]): void {
    const key = recordId(kind, id);
    if (row === undefined) this.#said.delete(key);
    else this.#said.set(key, { topic: this.#status, id: key, kind, fields: withoutSchema(row, id) });
  }

  #report(report: ReplicaReport): void {
    switch (report.type) {
      case "undecodable":
        this.#log.error(
          { topic: report.topic, id: report.id, error: report.error.message },
          "a record is not what its kind says, and counts as absent",
        );
        break;
      case "shrink":
        this.#log.error(
          { topic: report.topic, held: report.held, missing: report.missing },
          "the store came back without most records; nothing is removed until that is confirmed",
        );
        break;
      case "lineage":
        this.#log.warn({ topic: report.topic }, "the store has another history now; reading again");
        break;
      case "gap":
      case "torn":
        this.#log.info({ topic: report.topic, what: report.type }, "an event did not fit");
        break;
    }
  }

  /** Holds the lease that says that this chassis lives, as long as it does. */
  async #live(): Promise<void> {
    const { chassis } = this.#settings;
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        this.#lease = await this.#store.lease(`chassis/${chassis}`, {
          ttlSeconds: LEASE_SECONDS,
          holder: chassis,
          signal,
        });
        attempt = 0;
        await aborted(AbortSignal.any([this.#lease.lost, signal]));
        if (!signal.aborted) this.#log.warn({ chassis }, "the lease of this chassis was lost; asking for it again");
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn(
          { chassis, error: error instanceof Error ? error.message : String(error) },
          "no lease for this chassis yet",
        );
        await wait(backOff(attempt, 100, 5000), undefined, { signal }).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The fields as the kind has them: what encoding adds is not part of what this host says. */
function withoutSchema(fields: Readonly<Record<string, unknown>>, id: string): { readonly id: string } {
  const { schema: _, ...rest } = fields;
  return { ...rest, id };
}
