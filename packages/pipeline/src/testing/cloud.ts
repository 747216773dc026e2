/** Several hosts, each with the flows that it compiles by itself, and packets that go from one to the other. */
import type { NetworkApp } from "../app.ts";
import { FIRST_PORT, isPeer, PEERS, rowsOf, type Topology, TUNNEL_PORTS } from "./random-topology.ts";
import { TestBed } from "./test-bed.ts";
import { SELF } from "./topology.ts";

/** A frame that reached a port, by the port's place in the topology; also an answer to the sender itself. */
export interface Delivered {
  readonly port: number;
  readonly frame: Uint8Array;
}

/** Every host sees the topology as if it were the first: so it changes names with that one. Applied twice, it is the name again. */
const nameAt = (host: string, chassis: string): string => (chassis === host ? SELF : chassis === SELF ? host : chassis);

export class Cloud {
  readonly #topology: Topology;
  readonly #hosts: ReadonlyMap<string, TestBed>;

  constructor(apps: readonly NetworkApp[], topology: Topology) {
    this.#topology = topology;
    this.#hosts = new Map(
      [SELF, ...PEERS].map((host) => {
        const ports = topology.ports.map((port) => ({ ...port, chassis: nameAt(host, port.chassis) }));
        return [host, new TestBed(apps, rowsOf({ ...topology, ports }), "whole")];
      }),
    );
  }

  /** All that becomes of a frame that a port sends. What is for a controller is not followed. */
  send(from: number, frame: Uint8Array): readonly Delivered[] {
    return this.#at(this.#topology.ports[from]?.chassis ?? SELF, FIRST_PORT + from, frame);
  }

  #at(host: string, inPort: number, frame: Uint8Array, tunId?: bigint): readonly Delivered[] {
    const fields = tunId === undefined ? {} : { tun_id: tunId };
    const outcomes = this.#hosts.get(host)?.trace(frame, { inPort, fields }).outcomes ?? [];
    return outcomes.flatMap((outcome): readonly Delivered[] => {
      if (outcome.type !== "output") return [];
      const tunnel = tunnelAt(outcome.port);
      if (tunnel === undefined) return [{ port: outcome.port - FIRST_PORT, frame: outcome.packet.frame() }];
      const other = nameAt(host, tunnel.peer);
      const sender = nameAt(other, host);
      if (!isPeer(sender)) throw new RangeError(`${host} sends to itself`);
      const arrival = TUNNEL_PORTS[sender][tunnel.type];
      return this.#at(other, arrival, outcome.packet.frame(), BigInt(outcome.packet.fields.tun_id ?? 0));
    });
  }
}

function tunnelAt(ofport: number): { readonly peer: string; readonly type: "geneve" | "vxlan" } | undefined {
  for (const peer of PEERS) {
    if (TUNNEL_PORTS[peer].geneve === ofport) return { peer, type: "geneve" };
    if (TUNNEL_PORTS[peer].vxlan === ofport) return { peer, type: "vxlan" };
  }
  return undefined;
}
