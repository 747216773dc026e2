import { readFile } from "node:fs/promises";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { connectRelay, type OpenByUrl, type StoreDriver, withoutSecrets } from "@dragonflow/store";
import type { Logger } from "pino";
import { type ServerSettings, StartError } from "./settings.ts";
import { makeStateDirectory } from "./state-directory.ts";

/** How long a server waits for the relay that it depends on before it gives up starting. */
const FIRST_CONNECTION_SECONDS = 60;

/** `isExclusive`: no other process has this store open, so whoever opens it next continues what this one did. */
export interface OpenedStore {
  readonly driver: StoreDriver;
  readonly isExclusive: boolean;
}
type OpenStore = (settings: ServerSettings["store"], log: Logger, signal?: AbortSignal) => Promise<OpenedStore>;

async function openSqlite({ url }: ServerSettings["store"], log: Logger): Promise<OpenedStore> {
  const file = decodeURIComponent(new URL(url).pathname);
  if (file === "") throw new StartError(`${url} names no file; write sqlite:/path/to/file.db`);
  await makeStateDirectory(file);
  return { driver: await openSqliteStore({ file, onNewLineage: warnOf(log, url) }), isExclusive: true };
}

function warnOf(log: Logger, url: string): (reason: string) => void {
  const store = withoutSecrets(url);
  return (reason) =>
    log.warn({ store, reason }, "the store went back in time, or may have: everybody who follows it reads it anew");
}

/** A database that many processes share. @param load its driver, which comes into memory when it is used. */
function shared(load: () => Promise<OpenByUrl>): OpenStore {
  return async ({ url }, log, signal) => {
    const open = await load();
    const onNewLineage = warnOf(log, url);
    return { driver: await open({ url, onNewLineage, ...(signal && { signal }) }), isExclusive: false };
  };
}

async function openRelay(
  { url, token, caFile }: ServerSettings["store"],
  log: Logger,
  ending?: AbortSignal,
): Promise<OpenedStore> {
  if (token === undefined) throw new StartError(`${url}: a store behind a relay needs a token`);
  const ca = caFile === undefined ? {} : { ca: await readFile(caFile) };
  const patience = AbortSignal.timeout(FIRST_CONNECTION_SECONDS * 1000);
  const signal = ending === undefined ? patience : AbortSignal.any([patience, ending]);
  const onError = (error: unknown): void => log.warn({ err: error }, "relay connection");
  try {
    return { driver: await connectRelay(url, { token, ...ca, signal, onError }), isExclusive: false };
  } catch (error) {
    if (!patience.aborted) throw error;
    throw new StartError(`${url} was not reached within ${FIRST_CONNECTION_SECONDS} s`, { cause: error });
  }
}

const openEtcd = shared(async () => (await import("@dragonflow/driver-etcd")).openEtcdStore);

/** Every kind of store that a server can stand on, by the scheme of its URL: a further driver is a line here. */
const STORES: ReadonlyMap<string, OpenStore> = new Map([
  ["sqlite", openSqlite],
  ["wss", openRelay],
  ["etcd", openEtcd],
  ["etcds", openEtcd],
]);

/** @throws {StartError} for a URL that names no store; what the driver throws when it cannot open it. */
export async function openStore(
  settings: ServerSettings["store"],
  log: Logger,
  signal?: AbortSignal,
): Promise<OpenedStore> {
  const [, scheme = ""] = /^([a-z]+):/.exec(settings.url) ?? [];
  const open = STORES.get(scheme);
  if (open === undefined) {
    const known = [...STORES.keys()].map((name) => `${name}:`).join(", ");
    throw new StartError(`"${withoutSecrets(settings.url)}" is no store: its URL begins with one of ${known}`);
  }
  return open(settings, log, signal);
}
