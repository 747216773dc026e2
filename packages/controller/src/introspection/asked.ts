import { formatIp, tryParseIp } from "@dragonflow/packet";
import { type Connection, connectionArguments, flowOf, isConnectionState } from "@dragonflow/pipeline";
import { readConnections } from "../recheck/connections.ts";
import { askVswitchd, datapathOf, runDirectory } from "../switch/control-socket.ts";
import type { ControllerSettings } from "../settings.ts";

/** What was asked is none of what can be. */
export class BadQuestion extends Error {
  override readonly name = "BadQuestion";
}

/** Where questions go to: vswitchd of this host. Nothing that is asked changes anything. */
type Place = Pick<ControllerSettings, "openflow" | "bridge">;

/** One connection of a zone, as JSON: addresses in text, of ICMP type and code in place of ports. */
export interface ConnectionView {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly first: number;
  readonly second: number;
  /** Of ICMP and ICMPv6. */
  readonly id: number;
  readonly mark: number;
}

/** The connections that are tracked in a zone. @throws {Error} vswitchd does not answer. */
export async function connectionsIn(zone: number, { openflow, bridge }: Place): Promise<readonly ConnectionView[]> {
  const directory = runDirectory(openflow);
  const datapath = await datapathOf(directory, bridge);
  const text = await askVswitchd(directory, "dpctl/dump-conntrack", datapath, `zone=${zone}`);
  return Array.from(readConnections(text), ({ protocol, source, destination, first, second, id, mark }) => ({
    protocol,
    source: formatIp(source),
    destination: formatIp(destination),
    first,
    second,
    id,
    mark,
  }));
}

/**
 * What `ofproto/trace` says of a packet, in its own words. It is told the packet's fields, so that it changes nothing (see `flowOf`).
 * @param query `in_port`, `frame` (hexadecimal); of a packet from a tunnel `tun_id`, `tun_src`, `tun_dst`, `identity`; what connection tracking takes it
 * for: `state`, `mark`.
 * @throws {BadQuestion} @throws {Error} vswitchd does not answer.
 */
export async function traceInSwitch(query: URLSearchParams, { openflow, bridge }: Place): Promise<string> {
  const frame = frameIn(query);
  const inPort = numberIn(query, "in_port");
  const { fields, options } = connectionArguments(frame, connectionIn(query));
  const packet = `in_port=${inPort},${flowOf(frame, fields)}${tunnelIn(query)}`;
  return askVswitchd(runDirectory(openflow), "ofproto/trace", "--names", ...options, bridge, packet);
}

const MOST_BYTES = 9216;

export function frameIn(query: URLSearchParams): Uint8Array {
  const digits = query.get("frame") ?? "";
  if (!/^(?:[0-9a-f]{2}){14,}$/.test(digits) || digits.length > 2 * MOST_BYTES) throw new BadQuestion("frame=HEX");
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

export function numberIn(query: URLSearchParams, name: string): number {
  const digits = query.get(name) ?? "";
  if (!/^\d{1,10}$/.test(digits)) throw new BadQuestion(`${name}=NUMBER`);
  return Number(digits);
}

function tunnelIn(query: URLSearchParams): string {
  if (!query.has("tun_id")) return "";
  const [src, dst] = (["tun_src", "tun_dst"] as const).map((name) => {
    const address = tryParseIp(query.get(name) ?? "");
    if (address === undefined) throw new BadQuestion(`${name}=ADDRESS`);
    return `${typeof address === "bigint" ? name.replace("_", "_ipv6_") : name}=${formatIp(address)}`;
  });
  return `,tun_id=${numberIn(query, "tun_id")},${src},${dst},tun_metadata0=${numberIn(query, "identity")}`;
}

function connectionIn(query: URLSearchParams): Connection {
  const state = query.get("state") ?? "new";
  if (!isConnectionState(state)) throw new BadQuestion("state=new, established, reply ...");
  return { state, mark: query.has("mark") ? numberIn(query, "mark") : 0 };
}
