import { backup, type DatabaseSync } from "node:sqlite";
import type { RecordId, Topic } from "@dragonflow/model";
import {
  type Capabilities,
  type Change,
  type Clock,
  type CommitId,
  type Committed,
  checkCommit,
  type Expect,
  type Head,
  type Lease,
  LEASE_TOPIC,
  type LeaseRequest,
  newCommitId,
  type Row,
  type Snapshot,
  type StoreDriver,
  systemClock,
  Unavailable,
  type Version,
  version,
  type Watch,
} from "@dragonflow/store";
import { type OpenedDatabase, type OpenOptions, openDatabase, storeErrorOf } from "./database.ts";
import { Leases } from "./leases.ts";
import { CommitLog, DEFAULT_LOG_LIMITS, type LogLimits } from "./log.ts";
import { makePrivateFile } from "./private-file.ts";
import { Snapshots } from "./snapshots.ts";
import { TopicHeads } from "./topics.ts";
import { Watches } from "./watches.ts";
import { Writer } from "./writer.ts";

/** The same for every file. */
export const SQLITE_CAPABILITIES: Capabilities = {
  atomic: "all-topics",
  durable: "local-disk",
  watch: "data",
  resume: "recent",
  delivery: "commit",
  lease: true,
  rangeDelete: false,
  serverSideFilter: false,
  auth: [],
  limits: {
    opsPerCommit: 20_000,
    bytesPerCommit: 8 * 1024 * 1024,
    bytesPerRecord: 1024 * 1024,
    listPage: 1000,
  },
};

/** `file`: its directory must exist; ":memory:" keeps nothing. */
export interface SqliteStoreOptions extends OpenOptions {
  /** How much is kept for watchers that come back. Default: 100,000 commits or an hour, and never less than ten minutes. */
  readonly log?: Partial<LogLimits>;
  /** What a watch holds for a slow reader. Default 16 MiB. */
  readonly watchBufferBytes?: number;
  readonly clock?: Clock;
  /** Told once when an existing database got a new lineage, and why. */
  readonly onNewLineage?: (reason: string) => void;
}

export interface SqliteStore extends StoreDriver {
  /**
   * Writes a copy of the store, as of its end, to a file that does not exist yet, for its owner alone; commits go on meanwhile. To restore it: stop
   * the server, put the copy in place of the database, remove the `-wal` file beside it if there is one, and start again. The lineage changes by
   * itself.
   */
  backup(file: string): Promise<void>;
}

const BACKUP_ATTEMPTS = 50;

/**
 * The first and the last step of a backup fail, with no error but 0, where they meet a transaction that writes: Node takes "busy" for the end when no
 * page is left to copy. Then nothing is wrong with either database, and the next attempt meets another moment.
 */
async function copyDatabase(db: DatabaseSync, file: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await backup(db, file);
      return;
    } catch (error) {
      if (attempt === BACKUP_ATTEMPTS || !isOnlyBusy(error)) throw error;
    }
  }
}
const isOnlyBusy = (error: unknown): boolean => error instanceof Error && "errcode" in error && error.errcode === 0;

class Store implements SqliteStore {
  readonly capabilities = SQLITE_CAPABILITIES;
  readonly #opened: OpenedDatabase;
  readonly #file: string;
  readonly #bufferBytes: number | undefined;
  readonly #topics: TopicHeads;
  readonly #snapshots: Snapshots;
  readonly #watches: Watches;
  readonly #writer: Writer;
  readonly #leases: Leases;
  #closing: Promise<void> | undefined;

  constructor(opened: OpenedDatabase, options: SqliteStoreOptions) {
    const { db, lineage } = opened;
    const { clock = systemClock } = options;
    this.#opened = opened;
    this.#file = options.file;
    this.#bufferBytes = options.watchBufferBytes;
    this.#topics = new TopicHeads(db);
    this.#snapshots = new Snapshots(db, SQLITE_CAPABILITIES.limits.listPage);
    const log = new CommitLog(db, clock, { ...DEFAULT_LOG_LIMITS, ...options.log });
    const parts = { lineage, log, topics: this.#topics, snapshots: this.#snapshots };
    this.#watches = new Watches(parts);
    this.#writer = new Writer(opened, options.file, parts, (group) => this.#watches.publish(group));
    this.#leases = new Leases(clock, (change) => this.#writeLease(change), this.#leaseRows());
  }

  async get(topic: Topic, id: RecordId): Promise<Row | undefined> {
    this.#mustBeOpen();
    const known = this.#topics.find(topic);
    return known === undefined ? undefined : this.#reading(() => this.#snapshots.get(known.number, id));
  }

  async snapshot(topic: Topic): Promise<Snapshot> {
    this.#mustBeOpen();
    return this.#watches.snapshot(topic);
  }

  async commit(
    id: CommitId,
    changes: readonly Change[],
    expect: readonly Expect[],
    signal?: AbortSignal,
  ): Promise<Committed> {
    this.#mustBeOpen();
    checkCommit(SQLITE_CAPABILITIES.limits, id, changes, expect);
    return this.#writer.commit(id, changes, expect, signal);
  }

  async head(topic: Topic): Promise<Head> {
    this.#mustBeOpen();
    return this.#watches.head(topic);
  }

  watch(): Watch {
    this.#mustBeOpen();
    return this.#watches.open(this.#bufferBytes);
  }

  async lease(name: string, request: LeaseRequest): Promise<Lease> {
    this.#mustBeOpen();
    return this.#leases.acquire(name, request);
  }

  async backup(file: string): Promise<void> {
    this.#mustBeOpen();
    try {
      makePrivateFile(file);
      await copyDatabase(this.#opened.db, file);
    } catch (error) {
      throw storeErrorOf(error, file) ?? error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#leases.close();
    this.#writer.stop(`${this.#file} was closed`);
    this.#snapshots.close();
    await this.#watches.close();
    this.#opened.db.close();
    this.#opened.guard?.close();
  }

  async #writeLease(change: Change): Promise<Version> {
    const result = await this.#writer.commit(newCommitId(), [change], []);
    const position = result.ok ? result.positions.get(LEASE_TOPIC) : undefined;
    if (position === undefined) throw new Unavailable("the lease was not written");
    return version(position);
  }

  #leaseRows(): readonly Row[] {
    const topic = this.#topics.find(LEASE_TOPIC);
    return topic === undefined ? [] : this.#snapshots.all(topic.number);
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new Unavailable(`${this.#file} was closed`);
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw storeErrorOf(error, this.#file) ?? error;
    }
  }
}

/**
 * Opens, or makes, the embedded store: one SQLite file in WAL mode, `synchronous=FULL`, this process alone.
 * @throws {StoreLocked} another process has it open; {@link StoreCorrupt}; {@link StoreFull}; {@link Unavailable}.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const opened = openDatabase(options);
  if (opened.renewed !== undefined) options.onNewLineage?.(opened.renewed);
  return new Store(opened, options);
}
