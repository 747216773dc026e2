import {
  addHost,
  killHost,
  type LabHost,
  listHosts,
  listVms,
  openLab,
  removeHost,
  startHost,
  stopRecorded,
} from "@dragonflow/lab";
import { ApiError } from "../api/client.ts";
import { type Agent, agents } from "../api/resources.ts";
import { controllerName } from "../lab/names.ts";
import { controllersAlive, startLabController, switchInStep } from "../lab/processes.ts";
import { until } from "../lab/wait.ts";
import { openWithApi } from "../lab/with-api.ts";
import { CliError } from "../errors.ts";
import { Progress } from "../screen/progress.ts";

/** How long a controller that was stopped may count as alive: until its lease has run out at the latest. */
const LEASE_MS = 60_000;

export async function hostAdd(name: string): Promise<void> {
  const { lab, api } = await openWithApi(name);
  const progress = new Progress();
  const host = await progress.step(
    "a host with Open vSwitch",
    async () => addHost(lab),
    (added) => `${added.name} with Open vSwitch`,
  );
  await progress.step("its controller", async (tell) => {
    await startLabController(lab, host);
    await controllersAlive(lab, api, [host], { tell });
  });
}

/** Ends, with SIGKILL, the Open vSwitch and the controller of a host. */
export async function hostKill(name: string, host: string): Promise<void> {
  const lab = await openLab(name);
  await new Progress().step(
    `${host}: killing Open vSwitch and controller`,
    async () => killHost(lab, host),
    () => `${host} is down`,
  );
}

export async function hostStart(name: string, host: string): Promise<void> {
  const { lab, api } = await openWithApi(name);
  const found = hostOf(await listHosts(lab), host);
  await new Progress().step(
    `${host}: starting Open vSwitch and controller`,
    async () => {
      await startHost(lab, host);
      // The API may not have noticed yet that it was away: what counts is the switch.
      await switchInStep(lab, found);
      await controllersAlive(lab, api, [found]);
    },
    () => `${host} is up`,
  );
}

/** Takes a host out for good: its controller says good-bye, and the API forgets it. */
export async function hostRemove(name: string, host: string): Promise<void> {
  const { lab, api } = await openWithApi(name);
  const { chassis } = hostOf(await listHosts(lab), host);
  const vms = (await listVms(lab)).filter((vm) => vm.host === host).map((vm) => vm.name);
  if (vms.length > 0) throw new CliError(`${host} has VMs: move or remove ${vms.join(", ")} first`);
  await new Progress().step(
    `removing ${host}`,
    async () => {
      await stopRecorded(lab, controllerName(host));
      await removeHost(lab, host);
      const gone = async () => {
        const agent = (await api.list(agents)).find((other) => other.host === chassis);
        return agent === undefined || (!agent.alive && (await forget(agent))) || undefined;
      };
      const forget = async ({ id }: Agent): Promise<boolean> => {
        try {
          await api.remove(agents, id);
        } catch (error) {
          if (!(error instanceof ApiError && error.status === 404)) throw error;
        }
        return true;
      };
      await until(`the API sees that ${host} is gone`, gone, { deadlineMs: LEASE_MS });
    },
    () => `${host} removed`,
  );
}

function hostOf(hosts: readonly LabHost[], name: string): LabHost {
  const found = hosts.find((host) => host.name === name);
  if (found !== undefined) return found;
  throw new CliError(`there is no host "${name}" (${hosts.map((host) => host.name).join(", ")})`);
}
