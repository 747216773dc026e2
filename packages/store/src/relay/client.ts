import type { RecordId, Topic } from "@dragonflow/model";
import { type Clock, systemClock } from "../clock.ts";
import { checkCommit } from "../commit-check.ts";
import type {
  Capabilities,
  Change,
  CommitId,
  Committed,
  Expect,
  Head,
  Lease,
  LeaseRequest,
  Row,
  Snapshot,
  StoreDriver,
  Watch,
} from "../contract.ts";
import { Unavailable } from "../errors.ts";
import { ClientLeases } from "./client-leases.ts";
import { ClientWatch } from "./client-watch.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { RELAY_PATH, type ServerFrame } from "./frames.ts";
import { decodeCommitted, decodeHead, decodeRow } from "./values.ts";

export interface ConnectOptions {
  readonly token: string;
  /** Certificates (PEM) that the server's must chain to. Default: those of the system. */
  readonly ca?: string | Buffer;
  /** Gives up the first connection; after that, and without it, the client tries for ever. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** 0 to 1, for the jitter of reconnecting. */
  readonly random?: () => number;
  readonly onError?: (error: unknown) => void;
  /** What a watch holds for a slow reader. Default 16 MiB. */
  readonly watchBufferBytes?: number;
}

class RelayClient implements StoreDriver {
  readonly #connection: Connection;
  readonly #leases: ClientLeases;
  readonly #watches = new Map<number, ClientWatch>();
  readonly #first = Promise.withResolvers<void>();
  #capabilities: Capabilities | undefined;
  #nextWatch = 1;

  readonly #bufferBytes: number | undefined;

  constructor(options: ConnectionOptions, bufferBytes: number | undefined) {
    this.#bufferBytes = bufferBytes;
    this.#connection = new Connection(options, {
      up: (welcome) => {
        this.#capabilities = welcome.capabilities;
        for (const watch of this.#watches.values()) watch.up();
        this.#leases.up();
        this.#first.resolve();
      },
      refused: (error) => this.#first.reject(error),
      down: () => {
        this.#leases.down();
        for (const watch of this.#watches.values()) watch.down();
      },
      frame: (frame) => this.#frame(frame),
      proven: (at) => this.#leases.proven(at),
    });
    this.#leases = new ClientLeases(this.#connection, options.clock);
  }

  /** Resolves with the first welcome. @throws {Forbidden} | signal.reason */
  async connected(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = (): void => this.#first.reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    await this.#first.promise.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  get capabilities(): Capabilities {
    if (this.#capabilities === undefined) throw this.#connection.absence;
    return this.#capabilities;
  }

  async get(topic: Topic, id: RecordId): Promise<Row | undefined> {
    const result = await this.#connection.request({ type: "get", topic, id });
    return result === null ? undefined : decodeRow(result);
  }

  async head(topic: Topic): Promise<Head> {
    return decodeHead(await this.#connection.request({ type: "head", topic }));
  }

  async commit(
    id: CommitId,
    changes: readonly Change[],
    expect: readonly Expect[],
    signal?: AbortSignal,
  ): Promise<Committed> {
    checkCommit(this.capabilities.limits, id, changes, expect);
    return decodeCommitted(await this.#connection.request({ type: "commit", id, changes, expect }, signal));
  }

  async snapshot(topic: Topic): Promise<Snapshot> {
    if (!this.#connection.isUp) throw this.#connection.absence;
    const watch = this.#open(true);
    watch.add([{ topic }]);
    const { value: event } = await watch[Symbol.asyncIterator]().next();
    if (event?.type !== "snapshot") throw new Unavailable("the relay sent no snapshot");
    return { ...event.snapshot, rows: closing(event.snapshot.rows, watch) };
  }

  watch(): Watch {
    if (this.#connection.closed) throw this.#connection.absence;
    return this.#open(false);
  }

  lease(name: string, request: LeaseRequest): Promise<Lease> {
    return this.#leases.acquire(name, request);
  }

  async close(): Promise<void> {
    const watches = [...this.#watches.values()];
    for (const { watch } of watches) await watch.close();
    this.#leases.close();
    await this.#connection.close();
  }

  #open(once: boolean): Watch {
    const number = this.#nextWatch++;
    const client = new ClientWatch(
      { number, once, bufferBytes: this.#bufferBytes, ended: () => this.#watches.delete(number) },
      this.#connection,
    );
    this.#watches.set(number, client);
    return client.watch;
  }

  #frame(frame: ServerFrame): void {
    if ("watch" in frame) {
      const watch = this.#watches.get(frame.watch);
      if (watch !== undefined) watch.frame(frame);
      else if (frame.type === "page") this.#connection.send({ type: "ack", pages: 1 });
    } else if (frame.type === "lost") this.#leases.lost(frame.name, frame.fence);
  }
}

/** Ends the watch of a single snapshot with its last page. */
async function* closing(rows: AsyncIterable<readonly Row[]>, watch: Watch): AsyncGenerator<readonly Row[]> {
  try {
    yield* rows;
  } finally {
    await watch.close();
  }
}

/** `wss://host:port`, `ws://host:port`, or `ws+unix:/path/of/socket`. */
function addressOf(url: string): string {
  if (url.startsWith("ws+unix:")) return `${url}:${RELAY_PATH}`;
  const address = new URL(url);
  address.pathname = RELAY_PATH;
  return address.href;
}

/**
 * Connects to a relay, and stays connected: watches go on where they were, a commit whose answer was cut off throws {@link OutcomeUnknown}, any
 * other call while there is no connection {@link Unavailable}.
 * @returns once the first connection stands.
 * @throws {Forbidden} the token is not accepted; `signal.reason`.
 */
export async function connectRelay(url: string, options: ConnectOptions): Promise<StoreDriver> {
  const { token, ca, signal, clock = systemClock, random = Math.random, onError = () => undefined } = options;
  const client = new RelayClient(
    { address: addressOf(url), token, ca, clock, random, onError },
    options.watchBufferBytes,
  );
  try {
    await client.connected(signal);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
}
