/** What Nova does to a port in a cloud, done for the VMs of a lab: bind it to a host, plug it there, let it go again. */
import { addVm, execInVm, type Lab, type LabVm, listVms, moveVm, removeVm, status } from "@dragonflow/lab";
import { type ApiClient, ApiError } from "../api/client.ts";
import { networks, type Port, ports, subnets } from "../api/resources.ts";
import { planAddresses } from "./address-plan.ts";
import { until } from "./wait.ts";

const READY_MS = 30_000;

export interface VmRequest {
  readonly host: string;
  readonly portId: string;
  readonly name?: string | undefined;
  /** False: all addresses of the port are given to eth0. */
  readonly dhcp: boolean;
  /** False: nothing is said to the API; whoever plugs the port first gets it. */
  readonly bind: boolean;
}

export interface PluggedVm {
  readonly vm: LabVm;
  readonly port: Port;
  /** The host that the port is bound to already, where that is another one: this VM gets no packets. */
  readonly boundTo: string | undefined;
}

/** Makes a VM that is a port: its MAC and MTU, and its addresses as {@link planAddresses} says. */
export async function plugPort(lab: Lab, api: ApiClient, request: VmRequest): Promise<PluggedVm> {
  const { host, portId, name, dhcp, bind } = request;
  const port = await api.show(ports, portId);
  const [network, ofNetwork] = await Promise.all([
    api.show(networks, port.network_id),
    api.list(subnets, { network_id: port.network_id }),
  ]);
  const bound = bind ? await bindIfFree(api, port, host) : port;
  try {
    const vm = await addVm(lab, {
      host,
      portId,
      mac: port.mac_address,
      mtu: network.mtu,
      ...(name === undefined ? {} : { name }),
      ...planAddresses(port.fixed_ips, ofNetwork, !dhcp),
    });
    const holder = bound["binding:host_id"];
    return { vm, port: bound, boundTo: bind && holder !== host ? holder : undefined };
  } catch (error) {
    if (bound !== port) await releaseFrom(api, portId, host);
    throw error;
  }
}

/** Of two hosts that want one port at the same instant, one gets it: the write is for the revision that was seen free. */
async function bindIfFree(api: ApiClient, seen: Port, host: string): Promise<Port> {
  for (let port = seen; ; port = await api.show(ports, seen.id)) {
    if (port["binding:host_id"] !== "") return port;
    try {
      return await api.update(ports, port.id, { "binding:host_id": host }, port.revision_number);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 412)) throw error;
    }
  }
}

/** A port that is gone, or that another host has by now, is left alone. */
async function releaseFrom(api: ApiClient, portId: string, host: string): Promise<void> {
  try {
    const port = await api.show(ports, portId);
    if (port["binding:host_id"] === host) await api.update(ports, portId, { "binding:host_id": "" });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}

/** Takes a VM out, and its port off the host. The port itself stays. */
export async function unplugPort(lab: Lab, api: ApiClient, name: string): Promise<void> {
  const vm = await vmOf(lab, name);
  await removeVm(lab, name);
  if (vm !== undefined) await releaseFrom(api, vm.portId, vm.host);
}

/** Moves a VM, and the binding of its port with it. @param bind false: the binding follows the claim. */
export async function movePort(lab: Lab, api: ApiClient, name: string, to: string, bind: boolean): Promise<void> {
  const vm = await vmOf(lab, name);
  await moveVm(lab, name, to);
  if (vm !== undefined && bind) await api.update(ports, vm.portId, { "binding:host_id": to });
}

async function vmOf(lab: Lab, name: string): Promise<LabVm | undefined> {
  return (await listVms(lab)).find((vm) => vm.name === name);
}

/** Waits until these ports are ACTIVE, and eth0 of their VMs has all their addresses, free of doubt (RFC 4862 section 5.4). */
export async function vmsReady(
  lab: Lab,
  api: ApiClient,
  plugged: readonly PluggedVm[],
  options: { readonly signal?: AbortSignal | undefined; readonly tell?: (detail: string) => void } = {},
): Promise<void> {
  const patience = { deadlineMs: READY_MS, signal: options.signal };
  const named = plugged.map(({ vm }) => vm.name).join(", ");
  const wait = async (what: string, missing: () => Promise<number>) =>
    until(
      `${what} (${named})`,
      async () => {
        const count = await missing();
        options.tell?.(`${plugged.length - count} of ${plugged.length}`);
        return count === 0 || undefined;
      },
      patience,
    );
  await wait("the ports are ACTIVE", async () => {
    const known = await api.list(ports, { id: plugged.map(({ port }) => port.id) });
    return plugged.filter(({ port }) => known.find(({ id }) => id === port.id)?.status !== "ACTIVE").length;
  });
  await wait("the VMs have their addresses", async () => {
    const addressesOf = new Map((await status(lab)).vms.map((vm) => [vm.name, vm.addresses]));
    return plugged.filter(({ vm, port }) =>
      port.fixed_ips.some(({ ip_address }) => !addressesOf.get(vm.name)?.includes(ip_address)),
    ).length;
  });
  await wait("no address is tentative", async () => {
    const tentative = await Promise.all(plugged.map(({ vm }) => hasTentative(lab, vm.name)));
    return tentative.filter(Boolean).length;
  });
}

async function hasTentative(lab: Lab, vm: string): Promise<boolean> {
  const { stdout } = await execInVm(lab, vm, ["ip", "-6", "-o", "addr", "show", "dev", "eth0", "tentative"]);
  return stdout.trim() !== "";
}
