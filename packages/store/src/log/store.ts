/**
 * A store on a database that is atomic on one key only: an ordered log, one cell that names its end, and cells that it is brought to.
 *
 *     head  --newest-->  log/...  --previous-->  log/...  --previous-->  ...        what happened, in order
 *     topic/T  --pages-->  page/T/...                                               what topic T holds, up to some commit
 *     beat/L                                                                        that the holder of lease L lives
 *
 * A commit is one write of the head. Everything else may be done late, twice, or by another process (see docs/stores.md).
 */
import type { RecordId, Topic } from "@dragonflow/model";
import { type Clock, systemClock } from "../clock.ts";
import { checkCommit } from "../commit-check.ts";
import {
  type Capabilities,
  type Change,
  type CommitId,
  type Committed,
  type Expect,
  type Head,
  type Lease,
  LEASE_TOPIC,
  type LeaseRequest,
  leaseRecordId,
  newCommitId,
  type PubSub,
  type Row,
  type Snapshot,
  type StoreDriver,
  type Watch,
} from "../contract.ts";
import { Unavailable, Unsupported } from "../errors.ts";
import { pairing } from "../pubsub/pairing.ts";
import { Appender } from "./appender.ts";
import type { Cells, CellTraits } from "./cells.ts";
import { type CheckpointOptions, Checkpoints, DEFAULT_CHECKPOINT } from "./checkpoint.ts";
import { LogFollower } from "./follower.ts";
import { Leases } from "./leases.ts";
import { Patience } from "./patience.ts";
import { positionOf } from "./records.ts";
import { DEFAULT_TAIL_LIMITS, type TailLimits } from "./tail.ts";
import { Topics } from "./topics.ts";
import { Wakes } from "./wakes.ts";
import { LIST_PAGE, Watches } from "./watches.ts";

const MOST_BYTES_PER_RECORD = 1024 * 1024;
/** What stands beside a record in a page of its own. */
const PAGE_OVERHEAD_BYTES = 4096;

/** What a store on such a database can do. */
export function logCapabilities({ durable, auth, bytesPerCell }: CellTraits): Capabilities {
  return {
    atomic: "all-topics",
    durable,
    watch: "data",
    resume: "recent",
    delivery: "commit",
    lease: true,
    rangeDelete: false,
    serverSideFilter: false,
    auth,
    limits: {
      opsPerCommit: 20_000,
      bytesPerCommit: 8 * 1024 * 1024,
      bytesPerRecord: Math.min(MOST_BYTES_PER_RECORD, bytesPerCell - PAGE_OVERHEAD_BYTES),
      listPage: LIST_PAGE,
    },
  };
}

export interface LogStoreOptions {
  /** Wakes the watchers of other processes in place of the database; stays open. Where it loses a poke, heads are compared. */
  readonly pubsub?: PubSub;
  /** How often heads are compared, with jitter. Default 30. */
  readonly compareSeconds?: number;
  /** How long the database is asked again before a call fails. Default 10. */
  readonly patienceSeconds?: number;
  readonly tail?: Partial<TailLimits>;
  readonly checkpoint?: Partial<CheckpointOptions>;
  /** What a watch holds for a slow reader. Default 16 MiB. */
  readonly watchBufferBytes?: number;
  readonly clock?: Clock;
  /** Told when the database went back in time, or may have, and why. */
  readonly onNewLineage?: (reason: string) => void;
  /** What went wrong beside the calls: of no consequence for them. */
  readonly onError?: (error: unknown) => void;
}

type Options = LogStoreOptions & Required<Pick<LogStoreOptions, "clock" | "onError">>;

class LogStore implements StoreDriver {
  readonly capabilities: Capabilities;
  readonly #cells: Cells;
  readonly #follower: LogFollower;
  readonly #topics: Topics;
  readonly #appender: Appender;
  readonly #checkpoints: Checkpoints;
  readonly #watches: Watches;
  readonly #wakes: Wakes;
  readonly #leases: Leases;
  readonly #patience: () => Patience;
  readonly #bufferBytes: number | undefined;
  readonly #ending = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(cells: Cells, follower: LogFollower, topics: Topics, options: Options) {
    const { clock, onError, pubsub, patienceSeconds = 10, compareSeconds = 30 } = options;
    this.capabilities = logCapabilities(cells.traits);
    this.#cells = cells;
    this.#follower = follower;
    this.#topics = topics;
    this.#patience = () => new Patience(clock, patienceSeconds * 1000, this.#ending.signal);
    this.#bufferBytes = options.watchBufferBytes;
    const common = { cells, clock, follower, topics, onError, patience: this.#patience };
    this.#appender = new Appender(common);
    this.#checkpoints = new Checkpoints(
      { ...common, appender: this.#appender },
      { ...DEFAULT_CHECKPOINT, ...options.checkpoint },
    );
    this.#wakes = new Wakes(
      { ...common, pubsub, compareMilliseconds: compareSeconds * 1000 },
      {
        reached: () => this.#watches.current(),
        notReached: () => this.#watches.stale(),
      },
    );
    this.#watches = new Watches({
      ...common,
      onInterest: (topic, isWatched) => this.#wakes.interest(topic, isWatched),
    });
    this.#leases = new Leases({
      cells,
      clock,
      onError,
      watch: this.#watches.open(),
      commit: (changes, expect) => this.#write(newCommitId(), changes, expect),
      get: (name) => this.get(LEASE_TOPIC, leaseRecordId(name)),
    });
  }

  /** For the follower: commits that are known now, whoever made them. */
  published(batches: Parameters<Watches["publish"]>[0]): void {
    this.#watches.publish(batches);
  }
  replaced(): void {
    this.#watches.replaced();
  }

  async get(topic: Topic, id: RecordId): Promise<Row | undefined> {
    this.#mustBeOpen();
    await this.#barrier();
    for (;;) {
      const row = this.#topics.find(topic, id);
      if (row !== "unknown") return row === "absent" ? undefined : row;
      await this.#patience().until(() => this.#topics.load(topic, id));
      this.#mustBeOpen();
    }
  }

  async snapshot(topic: Topic): Promise<Snapshot> {
    this.#mustBeOpen();
    await this.#barrier();
    return this.#patience().until(() => this.#watches.snapshot(topic));
  }

  async commit(
    id: CommitId,
    changes: readonly Change[],
    expect: readonly Expect[],
    signal?: AbortSignal,
  ): Promise<Committed> {
    this.#mustBeOpen();
    checkCommit(this.capabilities.limits, id, changes, expect);
    return this.#write(id, changes, expect, signal);
  }

  async head(topic: Topic): Promise<Head> {
    this.#mustBeOpen();
    await this.#barrier();
    for (;;) {
      const last = this.#topics.position(topic);
      if (last !== "unknown") return { lineage: this.#follower.tail.head.lineage, position: positionOf(last) };
      await this.#patience().until(() => this.#topics.load(topic));
      this.#mustBeOpen();
    }
  }

  watch(): Watch {
    this.#mustBeOpen();
    return this.#watches.open(this.#bufferBytes);
  }

  async lease(name: string, request: LeaseRequest): Promise<Lease> {
    this.#mustBeOpen();
    return this.#leases.acquire(name, request);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    await this.#leases.close();
    await this.#wakes.close();
    await this.#watches.close();
    await this.#checkpoints.close();
    await this.#appender.close("the store was closed");
    await this.#cells.close();
  }

  async #write(
    id: CommitId,
    changes: readonly Change[],
    expect: readonly Expect[],
    signal?: AbortSignal,
  ): Promise<Committed> {
    const done = await this.#appender.commit(id, changes, expect, signal);
    if (done.ok && !done.replayed) {
      this.#wakes.tell(done);
      this.#checkpoints.consider();
    }
    return done;
  }

  #barrier(): Promise<void> {
    return this.#patience().until(() => this.#follower.sync());
  }
  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new Unavailable("the store was closed");
  }
}

/**
 * Opens, or begins, a store on a database that is atomic on one key only.
 * @throws {Unsupported} a pub/sub that does not go with it, or none where one is needed; {@link Unavailable} | {@link OutcomeUnknown} the database is
 * not reached; {@link StoreCorrupt}.
 */
export async function openLogStore(cells: Cells, options: LogStoreOptions = {}): Promise<StoreDriver> {
  const paired = pairing(cells.traits, options.pubsub?.traits);
  if (!paired.ok) throw new Unsupported(paired.reason);
  const { clock = systemClock, onError = () => undefined, onNewLineage = () => undefined } = options;
  const parts: { store?: LogStore; topics?: Topics } = {};
  const follower = await new Patience(clock, (options.patienceSeconds ?? 10) * 1000).until(() =>
    LogFollower.open({
      cells,
      limits: { ...DEFAULT_TAIL_LIMITS, ...options.tail },
      clock,
      onNewLineage,
      onBatches: (batches) => parts.store?.published(batches),
      onForgotten: (topic, sequence) => parts.topics?.forget(topic, sequence),
      onReplaced: () => {
        parts.topics?.clear();
        parts.store?.replaced();
      },
    }),
  );
  const { graceSeconds } = { ...DEFAULT_CHECKPOINT, ...options.checkpoint };
  parts.topics = new Topics(cells, follower, clock, graceSeconds);
  parts.store = new LogStore(cells, follower, parts.topics, { ...options, clock, onError });
  return parts.store;
}
