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
  type LeaseRequest,
  type Row,
  type Snapshot,
  type StoreDriver,
  type StoreOpening,
  systemClock,
  Unavailable,
  type Watch,
} from "@dragonflow/store";
import { type EtcdAddress, parseEtcdUrl } from "./address.ts";
import { CommitLeases } from "./commit-leases.ts";
import { Commits } from "./commits.ts";
import { Connection, type Session } from "./connection.ts";
import { positionAt } from "./era.ts";
import { EtcdFault, storeErrorOf } from "./faults.ts";
import { Keys, keyBytes } from "./keys.ts";
import { Leases } from "./leases.ts";
import { prepareAccess } from "./link.ts";
import { FIRST_PAGE, LARGEST_PAGE, pagesOf, rowOf, startOf } from "./pages.ts";
import { Watches } from "./watches.ts";
import { range, status, txn } from "./wire/calls.ts";

const FIRST_CONNECTION_SECONDS = 60;
/** Of what a request may hold, so much is for values: the rest is keys, heads and what they are wrapped in. */
const VALUES_SHARE = 2 / 3;
/** Inner transactions hold many more; but keys have to fit as well. */
const OPERATIONS_PER_COMMIT = 1000;
const LEAST_VERSION = [3, 4] as const;

/** `url`: see {@link parseEtcdUrl}. `signal`: default, a minute. */
export interface EtcdStoreOptions extends StoreOpening {
  /** What a watch holds for a slow reader. Default 16 MiB. */
  readonly watchBufferBytes?: number;
  readonly clock?: Clock;
}

/** What a store in etcd can do, by what its URL says of its servers. */
export function etcdCapabilities(address: EtcdAddress): Capabilities {
  const bytes = Math.floor(address.maxRequestBytes * VALUES_SHARE);
  // What is looked up before it is compared needs room for its heads beside the writes; see guardsOf and Commits.
  const operations = Math.min(OPERATIONS_PER_COMMIT, Math.floor((address.maxTxnOps / 2) ** 2 / 2 - address.maxTxnOps));
  return {
    atomic: "all-topics",
    durable: "quorum",
    watch: "data",
    resume: "recent",
    delivery: "topic",
    lease: true,
    rangeDelete: false,
    serverSideFilter: false,
    auth: ["tls", "password"],
    limits: { opsPerCommit: operations, bytesPerCommit: bytes, bytesPerRecord: bytes, listPage: LARGEST_PAGE },
  };
}

class Store implements StoreDriver {
  readonly capabilities: Capabilities;
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #commits: Commits;
  readonly #watches: Watches;
  readonly #leases: Leases;
  readonly #bufferBytes: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, keys: Keys, address: EtcdAddress, options: EtcdStoreOptions) {
    const { clock = systemClock } = options;
    this.capabilities = etcdCapabilities(address);
    this.#connection = connection;
    this.#keys = keys;
    this.#bufferBytes = options.watchBufferBytes;
    this.#commits = new Commits(connection, keys, address, new CommitLeases(clock));
    this.#watches = new Watches(connection, keys, address.maxTxnOps);
    this.#leases = new Leases(connection, this.#commits, keys, clock);
    connection.follow(this.#watches);
    connection.follow(this.#leases);
  }

  async get(topic: Topic, id: RecordId): Promise<Row | undefined> {
    this.#mustBeOpen();
    const { answer, era } = await this.#connection.ask(range, { key: this.#keys.record(topic, id) });
    const [found] = answer.kvs;
    return found && rowOf(era, found, keyBytes(this.#keys.head(topic)));
  }

  async snapshot(topic: Topic): Promise<Snapshot> {
    this.#mustBeOpen();
    const request = { ...this.#keys.topic(topic), limit: FIRST_PAGE };
    const { answer: first, era } = await this.#connection.ask(range, request);
    const start = startOf(this.#keys, topic, era, first.header.revision, first);
    const rows = pagesOf(this.#connection, this.#keys, start);
    return { topic, lineage: era.lineage, position: positionAt(era, start.headRevision), rows };
  }

  async commit(
    id: CommitId,
    changes: readonly Change[],
    expect: readonly Expect[],
    signal?: AbortSignal,
  ): Promise<Committed> {
    this.#mustBeOpen();
    checkCommit(this.capabilities.limits, id, changes, expect);
    return this.#commits.commit({ id, changes, expect, signal });
  }

  async head(topic: Topic): Promise<Head> {
    this.#mustBeOpen();
    const { answer, era } = await this.#connection.ask(range, { key: this.#keys.head(topic), keysOnly: true });
    return { lineage: era.lineage, position: positionAt(era, answer.kvs[0]?.modRevision ?? 0) };
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
    await this.#leases.close();
    await this.#watches.close();
    await this.#connection.close();
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new Unavailable("the store was closed");
  }
}

/** That the server is one that we know, and takes what its URL says that it takes. @throws {Unavailable} */
async function checkServer({ link }: Session, address: EtcdAddress, keys: Keys): Promise<void> {
  const { version } = await link.call(status, undefined);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1]))
    throw new Unavailable(`etcd ${version} is too old: ${LEAST_VERSION.join(".")} or newer is needed`);
  try {
    const success = Array.from({ length: address.maxTxnOps }, () => ({ range: { key: keys.meta, keysOnly: true } }));
    await link.call(txn, { success });
  } catch (error) {
    if (!(error instanceof EtcdFault && error.says("too many operations"))) throw error;
    throw new Unavailable(
      `this etcd takes fewer than ${address.maxTxnOps} operations: say its --max-txn-ops in the URL, ?max-txn-ops=N`,
    );
  }
}

/**
 * Opens the store that lies in etcd under the prefix of its URL; one that is not there begins empty.
 * @throws {InvalidRequest} the URL; {@link Unavailable} not reached; {@link Unsupported} its client is not installed; {@link Forbidden}; {@link StoreCorrupt}.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<StoreDriver> {
  const address = parseEtcdUrl(options.url);
  const access = await prepareAccess(address);
  const keys = new Keys(address.prefix);
  const { clock = systemClock, onNewLineage = () => undefined } = options;
  const connection = new Connection({ address, access, keys, clock, onNewLineage });
  const patience = AbortSignal.timeout(FIRST_CONNECTION_SECONDS * 1000);
  const signal = options.signal === undefined ? patience : AbortSignal.any([patience, options.signal]);
  try {
    const session = await connection.open(signal);
    await checkServer(session, address, keys);
  } catch (error) {
    await connection.close();
    throw storeErrorOf(error);
  }
  return new Store(connection, keys, address, options);
}
