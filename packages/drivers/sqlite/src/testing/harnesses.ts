import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { networkTopic } from "@dragonflow/model";
import {
  connectRelay,
  mintToken,
  type Relay,
  type RelayOptions,
  type StoreDriver,
  type Subject,
  serveRelay,
  Unavailable,
  verifyToken,
} from "@dragonflow/store";
import { type Harness, within } from "@dragonflow/store/conformance";
import { openSqliteStore, type SqliteStoreOptions } from "../index.ts";
import { openProxy, type Proxy } from "./proxy.ts";

export const SECRET = "a secret of the tests";
const WATCH_BUFFER_BYTES = 512 * 1024;

let endsCleanly = false;
/** Removed at the latest when this process ends, also by a failed test or a signal. */
export function temporaryDirectory(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `dragonflow-store-${process.pid}-`));
  const remove = (): void => {
    rmSync(path, { recursive: true, force: true });
    process.off("exit", remove);
  };
  process.setMaxListeners(100).on("exit", remove);
  if (!endsCleanly) for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));
  endsCleanly = true;
  return { path, remove };
}

/** The embedded store, in this process. */
export async function sqliteHarness(options: Partial<SqliteStoreOptions> = {}): Promise<Harness> {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  const open = (): Promise<StoreDriver> => openSqliteStore({ file, watchBufferBytes: WATCH_BUFFER_BYTES, ...options });
  let driver = await open();
  async function restart(meanwhile: () => void = () => undefined): Promise<void> {
    await driver.close();
    meanwhile();
    driver = await open();
  }
  return {
    get driver() {
      return driver;
    },
    another: async () => driver,
    restart: () => restart(),
    vanish: () => restart(),
    async backup() {
      await restart(() => copyFileSync(file, `${file}.backup`));
      return () => restart(() => copyFileSync(`${file}.backup`, file));
    },
    cut: undefined,
    watchBufferBytes: WATCH_BUFFER_BYTES,
    async [Symbol.asyncDispose]() {
      await driver.close();
      directory.remove();
    },
  };
}

/** A store with its relay in front, and a wire to it that can be cut. */
export interface RelayedStore extends AsyncDisposable {
  readonly store: StoreDriver;
  readonly relay: Relay;
  readonly proxy: Proxy;
  readonly errors: readonly unknown[];
  readonly url: string;
  connect(
    subject?: Subject,
    options?: { readonly watchBufferBytes?: number; readonly direct?: boolean },
  ): Promise<StoreDriver>;
  /** Stops relay and store, and starts both again. */
  restart(meanwhile?: () => void): Promise<void>;
  readonly file: string;
}

/** @param options.around what the relay is given instead of the store, each time that it starts */
export async function relayedStore(
  options: {
    readonly store?: Partial<SqliteStoreOptions>;
    readonly relay?: Partial<RelayOptions>;
    readonly around?: (store: StoreDriver) => Promise<StoreDriver>;
  } = {},
): Promise<RelayedStore> {
  const directory = temporaryDirectory();
  const file = join(directory.path, "nb.db");
  const serverPath = join(directory.path, "server");
  const proxy = await openProxy(join(directory.path, "proxy"), serverPath);
  const url = `ws+unix:${join(directory.path, "proxy")}`;
  const errors: unknown[] = [];
  const clients: StoreDriver[] = [];

  async function start(): Promise<{ readonly store: StoreDriver; readonly relay: Relay; readonly listener: Server }> {
    const store = await openSqliteStore({ file, ...options.store });
    const listener = createServer();
    const relay = serveRelay({
      driver: (await options.around?.(store)) ?? store,
      listener,
      authorize: (token) => verifyToken(SECRET, token),
      onError: (error) => errors.push(error),
      ...options.relay,
    });
    listener.listen(serverPath);
    await once(listener, "listening");
    return { store, relay, listener };
  }
  let running = await start();
  async function stop(): Promise<void> {
    await running.relay.close();
    running.listener.close();
    await running.store.close();
  }

  return {
    get store() {
      return running.store;
    },
    get relay() {
      return running.relay;
    },
    proxy,
    errors,
    url,
    file,
    async connect(subject = "server", more = {}) {
      const token = mintToken(SECRET, subject);
      const client = await connectRelay(more.direct === true ? `ws+unix:${serverPath}` : url, {
        token,
        random: () => 0,
        onError: (error) => errors.push(error),
        ...more,
      });
      clients.push(client);
      return client;
    },
    async restart(meanwhile = () => undefined) {
      await stop();
      meanwhile();
      running = await start();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
      await stop();
      await proxy[Symbol.asyncDispose]();
      directory.remove();
    },
  };
}

/** Resolves once the client is connected again. */
export async function reachable(driver: StoreDriver): Promise<void> {
  const reach = async (): Promise<void> => {
    for (;;) {
      try {
        await driver.head(networkTopic("any"));
        return;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  };
  await within("the relay reachable", reach());
}

/** The embedded store through the relay. */
export async function relayHarness(): Promise<Harness> {
  const relayed = await relayedStore();
  const options = { watchBufferBytes: WATCH_BUFFER_BYTES };
  let driver = await relayed.connect("server", options);
  async function restart(meanwhile?: () => void): Promise<void> {
    await relayed.restart(meanwhile);
    await reachable(driver);
  }
  return {
    get driver() {
      return driver;
    },
    another: () => relayed.connect("server", { direct: true }),
    restart: () => restart(),
    async vanish() {
      await driver.close();
      driver = await relayed.connect("server", options);
    },
    async backup() {
      const { file } = relayed;
      await restart(() => copyFileSync(file, `${file}.backup`));
      return () => restart(() => copyFileSync(`${file}.backup`, file));
    },
    async cut() {
      relayed.proxy.cut();
      relayed.proxy.mend();
    },
    watchBufferBytes: WATCH_BUFFER_BYTES,
    [Symbol.asyncDispose]: () => relayed[Symbol.asyncDispose](),
  };
}
