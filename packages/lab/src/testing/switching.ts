/** For tests: what a controller would do, by hand. */
import { listHosts } from "../hosts.ts";
import type { Lab } from "../names.ts";
import { runTool } from "../tool.ts";

/** Makes br-int of every host switch by learned MAC addresses, over a Geneve port to every other host. */
export async function switchByHand(lab: Lab, underlay: 4 | 6): Promise<void> {
  const hosts = await listHosts(lab);
  for (const host of hosts) {
    await runTool(["ovs-ofctl", "-O", "OpenFlow15", "add-flow", host.openflow, "priority=1,actions=NORMAL"]);
    for (const peer of hosts.filter((other) => other !== host)) {
      const port = `gnv-${peer.name}`;
      const remote = underlay === 4 ? peer.encapIpv4 : `"${peer.encapIpv6}"`;
      const settings = ["type=geneve", `options:remote_ip=${remote}`, "options:key=42"];
      const add = ["--may-exist", "add-port", "br-int", port, "--", "set", "Interface", port, ...settings];
      await runTool(["ovs-vsctl", `--db=${host.ovsdb}`, "--timeout=10", ...add]);
    }
  }
}
