import {
  contains,
  encodePacket,
  type EthernetFields,
  type IpAddress,
  IpProtocol,
  parseIp,
  parseMac,
  tryParseCidr,
} from "@dragonflow/packet";
import { resubmit, set, stages } from "@dragonflow/pipeline";
import type { InjectedPacket } from "../switch/inject.ts";
import type { TrackedConnection } from "./connections.ts";
import type { TrackedPort } from "./policy.ts";

/** An address of nobody: the packet is delivered to none. */
const NOBODY = parseMac("02:00:00:00:00:00");
const IDENTITY_BITS = 0x7fffffffn;
const NO_BYTES = new Uint8Array();

/**
 * A packet like the first one of a connection, with nothing in it, that enters the pipeline where the rules of this port see it. Only they do: what
 * they allow goes no further (register recheck).
 */
export function probeOf(connection: TrackedConnection, port: TrackedPort): InjectedPacket {
  const isSender = isSentBy(port, connection);
  const own = parseMac(port.mac);
  const ethernet = isSender ? { src: own, dst: NOBODY } : { src: NOBODY, dst: own };
  const identity = isSender ? port.identity : Number(connection.label & IDENTITY_BITS);
  const steps = [
    set("network", port.networkKey),
    set("recheck", 1),
    set("sourceIdentity", identity),
    set(isSender ? "sourcePort" : "destinationPort", port.portKey),
    resubmit(isSender ? stages.egressConntrack : stages.ingressConntrack),
  ];
  return { frame: frameOf(connection, ethernet), steps };
}

/** Whether the port began the connection. One zone holds both kinds; a port that may use any address is told apart by those that are its own. */
function isSentBy(port: TrackedPort, { source, destination }: TrackedConnection): boolean {
  const isOwn = (address: IpAddress): boolean => port.addresses.some((own) => parseIp(own) === address);
  if (isOwn(source)) return true;
  return !isOwn(destination) && port.pairs.some((pair) => isIn(pair, source));
}
function isIn(pair: string, address: IpAddress): boolean {
  const prefix = tryParseCidr(pair);
  return prefix === undefined ? parseIp(pair) === address : contains(prefix, address);
}

function frameOf(connection: TrackedConnection, ethernet: EthernetFields): Uint8Array {
  const { protocol, source: src, destination: dst, first, second, id } = connection;
  const udp = { sourcePort: first, destinationPort: second };
  const icmp = { kind: "other", type: first, code: second, bytes: Uint8Array.of(id >>> 8, id & 0xff, 0, 0) } as const;
  const payload = NO_BYTES;
  if (typeof src === "bigint" && typeof dst === "bigint") {
    const ipv6 = { src, dst, hopLimit: 64 };
    if (protocol === IpProtocol.udp) return encodePacket({ ethernet, ipv6, udp, payload });
    if (protocol === IpProtocol.icmp6) return encodePacket({ ethernet, ipv6, icmp6: icmp });
    return encodePacket({ ethernet, ipv6: { ...ipv6, protocol }, payload });
  }
  const ipv4 = { src: Number(src), dst: Number(dst), ttl: 64 };
  if (protocol === IpProtocol.udp) return encodePacket({ ethernet, ipv4, udp, payload });
  if (protocol === IpProtocol.icmp4) return encodePacket({ ethernet, ipv4, icmp4: icmp });
  return encodePacket({ ethernet, ipv4: { ...ipv4, protocol }, payload });
}
