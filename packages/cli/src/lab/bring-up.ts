import { createLab, type Lab, type LabHost, listHosts, listLabs, removeLab, requireRoot } from "@dragonflow/lab";
import type { NetworkType } from "@dragonflow/server";
import { ApiClient } from "../api/client.ts";
import { createDemo } from "../demo/topology.ts";
import { CliError } from "../errors.ts";
import { counted } from "../screen/palette.ts";
import type { Progress } from "../screen/progress.ts";
import { freePort, isFree } from "./free-port.ts";
import { DEFAULT_LAB, labOption, type LabStore } from "./names.ts";
import { type PluggedVm, plugPort, vmsReady } from "./nova.ts";
import { controllersAlive, startLabController, startLabServer } from "./processes.ts";
import { requireStore, startLabStore } from "./stores.ts";

const NEUTRON_PORT = 9696;

export interface LabRequest {
  readonly name: string;
  readonly hosts: number;
  /** Undefined: Neutron's own for the default lab where it is free, else any. */
  readonly apiPort?: number | undefined;
  /** Of networks that name none; undefined: the server's default. */
  readonly networkType?: NetworkType | undefined;
  /** What its server stands on; default: SQLite. */
  readonly store?: LabStore | undefined;
  /** With the demo's networks and VMs. */
  readonly demo: boolean;
}

export interface RunningLab {
  readonly lab: Lab;
  readonly apiUrl: string;
}

/** Makes a lab with everything that runs in it. When that fails, or the signal comes, nothing of it stays. */
export async function bringUp(request: LabRequest, progress: Progress, signal?: AbortSignal): Promise<RunningLab> {
  requireRoot();
  const { name, hosts: count, store = "sqlite" } = request;
  requireStore(store);
  if ((await listLabs()).some((other) => other.name === name)) throw exists(name);
  const apiPort = await chooseApiPort(request);
  const ports = { api: apiPort, relay: await freePort() };
  const lab = await progress.step(`${counted(count, "host")} with Open vSwitch`, async () =>
    createLab({ name, hosts: count, ...(signal === undefined ? {} : { signal }) }),
  );
  try {
    const apiUrl = await progress.step(
      "server: Neutron API, store, relay",
      async () => {
        const settings = { ...ports, store: await startLabStore(lab, store), networkType: request.networkType };
        return startLabServer(lab, settings, signal);
      },
      (url) => `server: Neutron API at ${url}`,
    );
    const api = new ApiClient(apiUrl, signal === undefined ? {} : { signal });
    const hosts = await listHosts(lab);
    if (count > 0) await startControllers(lab, api, hosts, progress, signal);
    if (request.demo && count > 0) await startDemo(lab, api, hosts, progress, signal);
    return { lab, apiUrl };
  } catch (error) {
    await progress.step("removing what was made", async () => removeLab(name));
    throw error;
  }
}

function exists(name: string): CliError {
  const option = labOption(name);
  return new CliError(
    `lab "${name}" is there already; watch it: dragonflow watch${option}; remove it: dragonflow down${option}`,
  );
}

async function chooseApiPort({ name, apiPort }: LabRequest): Promise<number> {
  if (apiPort === undefined) return freePort(name === DEFAULT_LAB ? NEUTRON_PORT : undefined);
  if (await isFree(apiPort)) return apiPort;
  throw new CliError(`port ${apiPort} of 127.0.0.1 is taken; choose another with --api-port`);
}

async function startControllers(
  lab: Lab,
  api: ApiClient,
  hosts: readonly LabHost[],
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<void> {
  await progress.step(hosts.length === 1 ? "its controller" : "a controller on each", async (tell) => {
    for (const host of hosts) {
      signal?.throwIfAborted();
      await startLabController(lab, host);
    }
    await controllersAlive(lab, api, hosts, { signal, tell });
  });
}

async function startDemo(
  lab: Lab,
  api: ApiClient,
  hosts: readonly LabHost[],
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const wanted = await progress.step("2 networks with IPv4 and IPv6, 1 router, 1 security group, ports", async () =>
    createDemo(
      api,
      hosts.map(({ name }) => name),
    ),
  );
  const plugged = await progress.step(`${wanted.length} VMs`, async (tell) => {
    const vms: PluggedVm[] = [];
    for (const vm of wanted) {
      signal?.throwIfAborted();
      vms.push(await plugPort(lab, api, { ...vm, dhcp: true, bind: true }));
      tell(`${vms.length} of ${wanted.length}`);
    }
    return vms;
  });
  await progress.step("addresses by DHCP and SLAAC", async (tell) => vmsReady(lab, api, plugged, { signal, tell }));
}
