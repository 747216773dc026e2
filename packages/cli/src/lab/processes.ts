/** The server and the controllers of a lab, each a recorded process: the lab ends them, and starts them again, with what they belong to. */
import { join } from "node:path";
import { type Lab, type LabHost, listProcesses, type RecordedProcess, setApi, spawnRecorded } from "@dragonflow/lab";
import { ApiClient, ApiError } from "../api/client.ts";
import { agents } from "../api/resources.ts";
import { KNOWN_VARIABLES } from "../config/sections.ts";
import { CliError } from "../errors.ts";
import { ask, statusShape } from "../introspection/socket.ts";
import { configFile, type LabSettings, tokenFile, writeConfiguration, writeToken } from "./files.ts";
import { controllerName, socketOf } from "./names.ts";
import { lastWords } from "./last-words.ts";
import { type Patience, until } from "./wait.ts";

const START_MS = 30_000;
const LINES_OF_LOG = 8;

/** As bin/dragonflow starts it. */
const NODE_FLAGS = ["--disable-warning=ExperimentalWarning"] as const;
/** From a build where this is one, else from the sources. */
const MAIN = join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "../main.ts" : "dragonflow.js");
/** Settings come from the lab's own file and flags: what the user's environment says is for other servers. */
const NO_SETTINGS = Object.fromEntries(
  KNOWN_VARIABLES.filter((name) => !name.startsWith("DRAGONFLOW_LAB_")).map((name) => [name, ""]),
);

async function spawnDragonflow(
  lab: Lab,
  name: string,
  args: readonly string[],
  host?: string,
): Promise<RecordedProcess> {
  return spawnRecorded(lab, {
    name,
    argv: [process.execPath, ...NODE_FLAGS, MAIN, ...args],
    env: NO_SETTINGS,
    cwd: "/",
    ...(host === undefined ? {} : { host }),
  });
}

/** Starts the server of a lab, and waits until its API answers. @returns the API's URL */
export async function startLabServer(lab: Lab, settings: LabSettings, signal?: AbortSignal): Promise<string> {
  await writeConfiguration(lab, settings);
  const url = `http://127.0.0.1:${settings.api}`;
  await spawnDragonflow(lab, "server", ["server", "--config", configFile(lab)]);
  const api = new ApiClient(url, signal === undefined ? {} : { signal });
  await untilRunning(lab, "server", "the API answers", async () => (await answers(api)) || undefined, {
    deadlineMs: START_MS,
    signal,
  });
  await setApi(lab, url);
  return url;
}

async function answers(api: ApiClient): Promise<boolean> {
  try {
    await api.list(agents);
    return true;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) return false;
    throw error;
  }
}

/** Starts the controller of a host; see {@link controllersAlive}. */
export async function startLabController(lab: Lab, host: LabHost): Promise<void> {
  await writeToken(lab, host.chassis);
  const flags = {
    chassis: host.chassis,
    hostname: host.name,
    "token-file": tokenFile(lab, host.chassis),
    "tunnel-ip": host.encapIpv4,
    ovsdb: host.ovsdb,
    openflow: host.openflow,
    socket: socketOf(host),
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  await spawnDragonflow(
    lab,
    controllerName(host.name),
    ["controller", "--config", configFile(lab), ...args],
    host.name,
  );
}

/** Waits until the API shows the controllers of these hosts as alive agents. @param tell how many are, of how many */
export async function controllersAlive(
  lab: Lab,
  api: ApiClient,
  hosts: readonly LabHost[],
  options: { readonly signal?: AbortSignal | undefined; readonly tell?: ((detail: string) => void) | undefined } = {},
): Promise<void> {
  const look = async () => {
    const alive = new Set((await api.list(agents)).filter((agent) => agent.alive).map((agent) => agent.host));
    const missing = hosts.filter((host) => !alive.has(host.chassis));
    options.tell?.(`${hosts.length - missing.length} of ${hosts.length}`);
    return missing.length === 0 || undefined;
  };
  const names = hosts.map((host) => controllerName(host.name));
  await untilRunning(lab, names, "the API shows all controllers alive", look, {
    deadlineMs: START_MS,
    signal: options.signal,
  });
}

/** Waits until the controller of a host says that its switch is as it should be. */
export async function switchInStep(lab: Lab, host: LabHost): Promise<void> {
  const source = { host: host.name, socket: socketOf(host) };
  const look = async () => {
    try {
      return (await ask(source, "/status", statusShape)).inSync || undefined;
    } catch (error) {
      if (error instanceof CliError) return undefined;
      throw error;
    }
  };
  await untilRunning(lab, controllerName(host.name), `the switch of ${host.name} is in step`, look, {
    deadlineMs: START_MS,
  });
}

/** {@link until}, as long as these processes run; the log of one that does not tells why. */
async function untilRunning<T>(
  lab: Lab,
  names: string | readonly string[],
  what: string,
  look: () => Promise<T | undefined>,
  patience: Patience,
): Promise<T> {
  const watched = [names].flat();
  return until(
    what,
    async () => {
      const found = await look();
      if (found !== undefined) return found;
      for (const { name, pid, logFile } of await listProcesses(lab))
        if (watched.includes(name) && pid === null)
          throw new CliError(`${name} ended:\n${await lastWords(logFile, LINES_OF_LOG)}`);
      return undefined;
    },
    patience,
  );
}
