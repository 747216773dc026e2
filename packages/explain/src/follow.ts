import {
  type Conntrack,
  decodeUserdata,
  identityOption,
  type Outcome,
  type PacketFields,
  type Trace,
  type TunnelFact,
} from "@dragonflow/pipeline";
import type { Host } from "./host.ts";

/** How a packet comes to a host. */
export type Entry =
  | { readonly type: "port"; readonly portId: string; readonly inPort: number }
  | {
      readonly type: "tunnel";
      readonly chassis: string;
      readonly encapsulation: TunnelFact["encapsulation"];
      readonly vni: number;
      /** Security identity of the sender; 0: it has none, or the encapsulation has no room for it. */
      readonly identity: number;
      readonly inPort: number;
    };

/** What becomes of a packet, or of a copy of it, on one host. */
export type Ending =
  | { readonly type: "delivered"; readonly portId: string }
  /** The host itself answers, out at the port that it came in by. */
  | { readonly type: "answered" }
  | { readonly type: "punted"; readonly responder: number | undefined }
  | { readonly type: "sent"; readonly chassis: string; readonly entry: Extract<Entry, { type: "tunnel" }> }
  /** Into the tunnel to a host that has none back. */
  | { readonly type: "lost"; readonly chassis: string }
  /** Out at a port of the switch that is neither a port of the cloud nor a tunnel. */
  | { readonly type: "out"; readonly ofport: number }
  | { readonly type: "dropped"; readonly table: string; readonly reason: string };

/** A packet's way through one host. */
export interface Leg {
  readonly host: Host;
  readonly entry: Entry;
  readonly frame: Uint8Array;
  readonly fields: PacketFields;
  readonly trace: Trace;
  readonly endings: readonly Ending[];
}

/** What connection tracking of a host knows. */
export type ConntrackOf = (host: Host) => Conntrack;
export type Hosts = (chassis: string) => Promise<Host>;

/** From tunnel to tunnel no packet goes, so there are two hosts to a copy; a flood has as many as the network. */
const MOST_LEGS = 1000;

/** Follows a frame from a port to all its ends, host by host. @throws {TraceError} */
export async function follow(
  hosts: Hosts,
  start: { readonly chassis: string; readonly entry: Entry; readonly frame: Uint8Array },
  conntrackOf: ConntrackOf,
): Promise<readonly Leg[]> {
  const legs: Leg[] = [];
  const waiting = [start];
  for (let next = waiting.shift(); next !== undefined && legs.length < MOST_LEGS; next = waiting.shift()) {
    const { entry, frame } = next;
    const host = await hosts(next.chassis);
    const fields = fieldsOf(entry);
    const trace = host.tracer.trace({ inPort: entry.inPort, frame, fields, conntrack: conntrackOf(host) });
    const endings: Ending[] = [];
    for (const outcome of trace.outcomes) {
      const ending = await endingOf(host, entry, outcome, hosts);
      endings.push(ending);
      if (ending.type === "sent")
        waiting.push({ chassis: ending.chassis, entry: ending.entry, frame: outcome.packet.frame() });
    }
    legs.push({ host, entry, frame, fields, trace, endings });
  }
  return legs;
}

/** What a tunnel says of a packet beside the frame. */
export function fieldsOf(entry: Entry): PacketFields {
  if (entry.type === "port") return {};
  return { tun_id: BigInt(entry.vni), [identityOption.field]: BigInt(entry.identity) };
}

async function endingOf(host: Host, entry: Entry, outcome: Outcome, hosts: Hosts): Promise<Ending> {
  switch (outcome.type) {
    case "drop":
      return { type: "dropped", table: outcome.table, reason: outcome.reason };
    case "punt":
      return { type: "punted", responder: outcome.userdata && decodeUserdata(outcome.userdata)?.responder };
    case "output": {
      if (outcome.port === entry.inPort) return { type: "answered" };
      const attached = host.interfaces.find(({ ofport }) => ofport === outcome.port);
      if (attached !== undefined) return { type: "delivered", portId: attached.id };
      const tunnel = host.tunnels.find(({ ofport }) => ofport === outcome.port);
      if (tunnel === undefined) return { type: "out", ofport: outcome.port };
      return intoTunnel(host, tunnel, outcome.packet.fields, await hosts(tunnel.chassis));
    }
  }
}

function intoTunnel(host: Host, { chassis, encapsulation }: TunnelFact, fields: PacketFields, peer: Host): Ending {
  const back = peer.tunnels.find((one) => one.chassis === host.chassis && one.encapsulation === encapsulation);
  if (back === undefined) return { type: "lost", chassis };
  const identity = encapsulation === "geneve" ? Number(fields[identityOption.field] ?? 0) : 0;
  const vni = Number(fields.tun_id ?? 0);
  return {
    type: "sent",
    chassis,
    entry: { type: "tunnel", chassis: host.chassis, encapsulation, vni, identity, inPort: back.ofport },
  };
}
