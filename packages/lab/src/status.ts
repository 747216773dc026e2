import { hostPaths, type Lab } from "./names.ts";
import { isUp } from "./open-vswitch.ts";
import { readReadyState, withSession } from "./state.ts";
import { runTool, together } from "./tool.ts";

/** What `dragonflow lab status --json` prints: other programs read it, so the names are those of the API. */
export type LabStatus = {
  /** URL of the lab's API; null when it has none (yet). */
  readonly api: string | null;
  readonly hosts: readonly {
    readonly name: string;
    readonly chassis: string;
    /** `up` while both daemons of its Open vSwitch run. */
    readonly state: "up" | "down";
    readonly namespace: string;
    /** `unix:PATH`, as ovs-vsctl's `--db` takes it. */
    readonly ovsdb: string;
  }[];
  readonly vms: readonly {
    readonly name: string;
    readonly host: string;
    readonly namespace: string;
    readonly port_id: string;
    readonly mac: string;
    /** That eth0 has now, without prefix length: IPv4 first, no link-local ones. */
    readonly addresses: readonly string[];
  }[];
};

/** @throws {LabError} `unknown`, `broken` */
export async function status(lab: Lab): Promise<LabStatus> {
  const state = await readReadyState(lab);
  const hosts = state.hosts.map((host) => ({
    name: host.name,
    chassis: host.chassis,
    state: isUp(host) ? ("up" as const) : ("down" as const),
    namespace: host.namespace,
    ovsdb: `unix:${hostPaths(lab, host.name).database}`,
  }));
  const vms = await together(
    state.vms.map(async ({ name, host, namespace, portId, mac }) => {
      const addresses = await addressesIn(namespace);
      return { name, host, namespace, port_id: portId, mac, addresses };
    }),
  );
  return { api: state.api, hosts, vms };
}

/** Where the lab's API is; null when it has none (yet). @throws {LabError} `unknown`, `broken` */
export async function getApi(lab: Lab): Promise<string | null> {
  return (await readReadyState(lab)).api;
}

/** Records where the lab's API is; null when it has gone. */
export async function setApi(lab: Lab, url: string | null): Promise<void> {
  await withSession(lab, async (session) => {
    session.state.api = url;
    await session.save();
  });
}

/** Addresses of eth0 in a VM's namespace; those of a namespace that is gone are none. */
export async function addressesIn(namespace: string): Promise<string[]> {
  const printed = await runTool(["ip", "-n", namespace, "-j", "addr", "show", "dev", "eth0"], { accept: [0, 1, 255] });
  const links: unknown = printed.trim() === "" ? [] : JSON.parse(printed);
  const found = (Array.isArray(links) ? links : []).flatMap(addressesOf);
  return [...found.filter((address) => !address.includes(":")), ...found.filter((address) => address.includes(":"))];
}

/** One link as `ip -json addr` prints it. */
function addressesOf(link: unknown): string[] {
  if (typeof link !== "object" || link === null || !("addr_info" in link) || !Array.isArray(link.addr_info)) return [];
  return link.addr_info.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null || !("local" in entry) || !("scope" in entry)) return [];
    return typeof entry.local === "string" && entry.scope === "global" ? [entry.local] : [];
  });
}
