import { listLabs, openLab } from "@dragonflow/lab";
import { loadSecret } from "@dragonflow/server";
import { connectRelay, mintToken, type StoreDriver } from "@dragonflow/store";
import { readNamed } from "../config/files.ts";
import { loadSettings } from "../config/load.ts";
import { CONTROLLER, OPERATOR, SECTIONS, SERVER } from "../config/sections.ts";
import { optional } from "../config/settings.ts";
import { CliError } from "../errors.ts";
import { configFile } from "../lab/files.ts";
import { DEFAULT_LAB } from "../lab/names.ts";

/** Longer than a server takes to start. */
const PATIENCE_MS = 20_000;

export interface StoreSelection {
  readonly lab?: string;
  /** TOML file with the section [operator], or with the section [server] of a cloud of real hosts. */
  readonly config?: string;
  /** The relay of a server, and what an operator shows there. */
  readonly server?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** A store to look into, as an operator sees it. */
export interface OpenStore extends AsyncDisposable {
  readonly driver: StoreDriver;
  /** That of a lab of this machine; undefined: of a cloud of real hosts. */
  readonly lab: string | undefined;
}

/**
 * The store of a cloud, by the relay of a server: one that is named (by options, by the file or in the environment), that of the server which has the
 * file, or that of a lab.
 * @throws {CliError} saying why the store is not reached. @throws {ConfigError}
 */
export async function openStore(selection: StoreSelection): Promise<OpenStore> {
  const { url, token, ca, lab } = await addressOf(selection);
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
  return { driver, lab, [Symbol.asyncDispose]: async () => driver.close() };
}

interface Address {
  readonly url: string;
  readonly token: string;
  readonly ca: string | undefined;
  readonly lab: string | undefined;
}

async function addressOf({ lab, config, server, tokenFile, caFile }: StoreSelection): Promise<Address> {
  const flags = { server, token_file: tokenFile, ca_file: caFile };
  const isNamed = Object.values(flags).some((flag) => flag !== undefined);
  // Of a lab that is named the environment of this process says nothing.
  const environment = lab === undefined || isNamed ? process.env : {};
  const sources = { file: config, environment, flags };
  const sections = Object.keys(SECTIONS);
  if (isNamed || loadSettings("operator", MAYBE_OPERATOR, sources, sections).server !== undefined) {
    const named = loadSettings("operator", OPERATOR, sources, sections);
    const [token, ca] = await Promise.all([
      readNamed("token_file", named.tokenFile),
      readNamed("ca_file", named.caFile),
    ]);
    return { url: named.server, token: token.trim(), ca, lab: undefined };
  }
  if (config !== undefined) return { ...(await serverAddress(config, false)), lab: undefined };
  return { ...(await serverAddress(await fileOfLab(lab), true)), lab: lab ?? DEFAULT_LAB };
}

async function fileOfLab(name = DEFAULT_LAB): Promise<string> {
  if (!(await listLabs()).some((lab) => lab.name === name))
    throw new CliError(`no lab "${name}": give --server with --token-file and --ca-file, --config, or --lab`);
  return configFile(await openLab(name));
}

const MAYBE_OPERATOR = {
  server: optional(OPERATOR.server),
  tokenFile: optional(OPERATOR.tokenFile),
  caFile: optional(OPERATOR.caFile),
};
/** A file that serves both has what is needed of the other section; alone it need not. */
const RELAXED = {
  ...CONTROLLER,
  server: optional(CONTROLLER.server),
  tokenFile: optional(CONTROLLER.tokenFile),
  caFile: optional(CONTROLLER.caFile),
  tunnelIp: optional(CONTROLLER.tunnelIp),
};

/** @param isLab of which the environment of this process says nothing. */
async function serverAddress(file: string, isLab: boolean) {
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
  const token = mintToken(await loadSecret(secretFile), "operator");
  return { url: `wss://${relayHost === "0.0.0.0" ? "127.0.0.1" : relayHost}:${relayPort}`, token, ca };
}
