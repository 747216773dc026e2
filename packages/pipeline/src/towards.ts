import type { Read } from "@dragonflow/engine";
import type { NetworkRecord, PortRecord } from "@dragonflow/model";
import { LOCAL, tunnelId, tunnels } from "./rows.ts";
import { stages } from "./stages.ts";
import { goto, type Step, set } from "./steps.ts";

/**
 * The way to a port, as steps that end in a goto: to its delivery on this host, or into the tunnel to its host. Undefined while there is none.
 * The table that uses them declares the registers destinationPort and tunnelPort, and the stages forwarding and ingressConntrack.
 */
export function towards(
  port: Pick<PortRecord, "key" | "chassis">,
  networkType: NetworkRecord["networkType"],
  chassis: string,
  read: Read,
): readonly Step[] | undefined {
  if (port.chassis === chassis) return [set("destinationPort", port.key), goto(stages.ingressConntrack)];
  const tunnel = read.row(tunnels, LOCAL, tunnelId(port.chassis, networkType));
  return tunnel && [set("tunnelPort", tunnel.ofport), goto(stages.forwarding)];
}
