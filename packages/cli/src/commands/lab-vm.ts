import { status } from "@dragonflow/lab";
import { movePort, plugPort, unplugPort, vmsReady } from "../lab/nova.ts";
import { openWithApi } from "../lab/with-api.ts";
import { print, printJson, warn } from "../output.ts";
import { Progress } from "../screen/progress.ts";

export interface VmAddOptions {
  readonly name?: string;
  readonly dhcp: boolean;
  readonly claim: boolean;
  readonly wait: boolean;
  readonly json: boolean;
}

export async function vmAdd(name: string, host: string, portId: string, options: VmAddOptions): Promise<void> {
  const { lab, api } = await openWithApi(name);
  const progress = new Progress();
  const plugged = await progress.step(
    `VM on ${host}`,
    async () => plugPort(lab, api, { host, portId, name: options.name, dhcp: options.dhcp, bind: !options.claim }),
    ({ vm }) => `${vm.name} on ${host}`,
  );
  const { vm, boundTo } = plugged;
  if (boundTo !== undefined)
    warn(`port ${portId} is bound to ${boundTo}: ${vm.name} gets no packets on ${host} until the port is bound there`);
  else if (options.wait && !options.claim)
    await progress.step("port ACTIVE, addresses in place", async () => vmsReady(lab, api, [plugged]));
  const shown = (await status(lab)).vms.find((other) => other.name === vm.name);
  if (options.json) printJson(shown);
  else print(`${vm.name}  ${host}  ${vm.mac}  ${shown?.addresses.join(" ") ?? ""}`.trimEnd());
}

export async function vmRemove(name: string, vm: string): Promise<void> {
  const { lab, api } = await openWithApi(name);
  await unplugPort(lab, api, vm);
}

export async function vmMove(
  name: string,
  vm: string,
  host: string,
  options: { readonly claim: boolean },
): Promise<void> {
  const { lab, api } = await openWithApi(name);
  await movePort(lab, api, vm, host, !options.claim);
}
