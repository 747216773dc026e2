import { listLabs, openLab } from "@dragonflow/lab";
import { loadSecret } from "@dragonflow/server";
import { connectRelay, mintToken, type StoreDriver } from "@dragonflow/store";
import { readNamed } from "../config/files.ts";
import { loadSettings } from "../config/load.ts";
import { CONTROLLER, SECTIONS, SERVER } from "../config/sections.ts";
import { optional } from "../config/settings.ts";
import { CliError } from "../errors.ts";
import { configFile } from "../lab/files.ts";
import { DEFAULT_LAB } from "../lab/names.ts";

/** Longer than a server takes to start. */
const PATIENCE_MS = 20_000;

export interface StoreSelection {
  readonly lab?: string;
  /** TOML file with the section [server] of a cloud of real hosts. */
  readonly config?: string;
}

/** A store to look into, as servers see it; whoever looks writes nothing. */
export interface OpenStore extends AsyncDisposable {
  readonly driver: StoreDriver;
}

/**
 * The store of a cloud, by the relay of a server: one that the file names, or that of the server which has the file.
 * @throws {CliError} saying why the store is not reached. @throws {ConfigError}
 */
export async function openStore({ lab, config }: StoreSelection): Promise<OpenStore> {
  const { url, token, ca } = await addressOf(config ?? (await fileOfLab(lab)), config === undefined);
  let last = "no answer";
  const onError = (error: unknown): void => {
    last = error instanceof Error ? error.message : String(error);
  };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const driver = await connectRelay(url, { token, onError, signal, ...(ca === undefined ? {} : { ca }) }).catch(
    (error: unknown) => {
      if (!signal.aborted) throw error;
      throw new CliError(`the store is not reached at ${url}: ${last}`, undefined, { cause: error });
    },
  );
  return { driver, [Symbol.asyncDispose]: async () => driver.close() };
}

async function fileOfLab(name = DEFAULT_LAB): Promise<string> {
  if (!(await listLabs()).some((lab) => lab.name === name))
    throw new CliError(`no lab "${name}": give --lab, or --config with the file of a server`);
  return configFile(await openLab(name));
}

/** A file that serves both has what is needed of the other section; alone it need not. */
const RELAXED = {
  ...CONTROLLER,
  server: optional(CONTROLLER.server),
  tokenFile: optional(CONTROLLER.tokenFile),
  caFile: optional(CONTROLLER.caFile),
  tunnelIp: optional(CONTROLLER.tunnelIp),
};

/** @param isLab of which the environment of this process says nothing. */
async function addressOf(file: string, isLab: boolean) {
  const sources = { file, environment: isLab ? {} : process.env, flags: {} };
  const sections = Object.keys(SECTIONS);
  const server = loadSettings("server", SERVER, sources, sections);
  const { caFile = server.storeCaFile } = loadSettings("controller", RELAXED, sources, sections);
  const ca = caFile === undefined ? undefined : await readNamed("ca_file", caFile);
  if (server.store.startsWith("wss:")) {
    if (server.storeTokenFile === undefined) throw new CliError(`${file}: a store behind a relay needs a token`);
    const token = (await readNamed("store_token_file", server.storeTokenFile)).trim();
    return { url: server.store, token, ca };
  }
  const { relayHost, relayPort, secretFile } = server;
  if (relayPort === undefined) throw new CliError(`${file}: without relay_port nobody reaches the store of the server`);
  const token = mintToken(await loadSecret(secretFile), "server");
  return { url: `wss://${relayHost === "0.0.0.0" ? "127.0.0.1" : relayHost}:${relayPort}`, token, ca };
}
