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
import { backOff, type Lease, Replica, type ReplicaBatch, type StoreDriver } from "@dragonflow/store";
import type { Desired } from "@dragonflow/pipeline";
import type { Compiler } from "../compiler.ts";
import type { ControllerSettings, Log } from "../settings.ts";
import { toRowChange } from "./rows.ts";

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
  readonly #own = new Map<string, NbRecord>();
  readonly #closing = new AbortController();
  readonly #onStatus: () => void;
  #statusKnown = false;
  #lease: Lease | undefined;

  /** @param onStatus what stands in the host's own topic is known now. */
  constructor(store: StoreDriver, settings: ControllerSettings, compiler: Compiler, log: Log, onStatus: () => void) {
    this.#store = store;
    this.#settings = settings;
    this.#compiler = compiler;
    this.#log = log;
    this.#onStatus = onStatus;
    this.#status = statusTopic(settings.chassis);
    this.#replica = new Replica(store, { onBatch: (batch) => this.#arrived(batch) });
    this.#replica.add([chassisTopic(settings.chassis), this.#status]);
    void this.#live();
  }

  /** What the units want now, and what they do not want any more. */
  follow({ added, dropped }: Delta<Desired>["interest"]): void {
    if (added.length > 0) this.#replica.add(added.map(parseTopic));
    if (dropped.length > 0) this.#replica.drop(dropped.map(parseTopic));
  }

  /** The records that stand in the host's own topic; undefined while that is not known. */
  stored(): readonly NbRecord[] | undefined {
    return this.#statusKnown ? [...this.#own.values()] : undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#lease?.[Symbol.asyncDispose]();
    await this.#replica.close();
    await this.#store.close();
  }

  #arrived(batch: ReplicaBatch): void {
    const rows = batch.changes.flatMap((change) => {
      if (change.topic === this.#status) {
        this.#remember(change.kind, change.id, change.fields);
        return [];
      }
      if (change.kind === claimRefusalKind.kind && change.fields !== undefined) {
        const { id, holder } = claimRefusalKind.parse(change.fields);
        this.#log.warn({ port: id, holder }, "the port of an interface on this host is bound to another host");
      }
      const row = toRowChange(change, ({ topic, kind, id }, error) => {
        this.#log.error(
          { topic, kind, id, error: error.message },
          "a record is not what its kind says, and counts as absent",
        );
      });
      return row === undefined ? [] : [row];
    });
    const partitions = batch.topics.flatMap(({ topic, state }) => {
      if (topic !== this.#status) return state === "stale" ? [] : [{ partition: topic, state }];
      if (state === "current" && !this.#statusKnown) {
        this.#statusKnown = true;
        this.#onStatus();
      }
      return [];
    });
    this.#compiler.change(rows, partitions);
  }

  #remember(kind: string, id: string, fields: Readonly<Record<string, unknown>> | undefined): void {
    const key = recordId(kind, id);
    if (fields === undefined) this.#own.delete(key);
    else this.#own.set(key, { topic: this.#status, id: key, kind, fields: withoutSchema(fields, id) });
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
