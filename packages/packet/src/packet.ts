import { EncodeError, Reader, Writer } from "@dragonflow/wire";
import { type Arp, decodeArp, encodeArp } from "./arp.ts";
import type { Addresses } from "./checksum.ts";
import { decodeEthernet, encodeEthernet, type Ethernet, type EthernetFields, EtherType } from "./ethernet.ts";
import { decodeIcmp4, encodeIcmp4, type Icmp4 } from "./icmp4.ts";
import { decodeIcmp6, encodeIcmp6, type Icmp6 } from "./icmp6.ts";
import {
  decodeIpv4,
  encodeIpv4,
  finalDestination,
  IpProtocol,
  type Ipv4,
  type Ipv4Fields,
  isFragment,
} from "./ipv4.ts";
import { decodeIpv6, encodeIpv6, finalDestination6, type Ipv6, type Ipv6Fields, isFragment6 } from "./ipv6.ts";
import { decodeTcp, encodeTcp, type Tcp, type TcpFields } from "./tcp.ts";
import { decodeUdp, encodeUdp, type Udp } from "./udp.ts";

/** The layers as they are decoded: every field is there. */
interface Decoded {
  ethernet: Ethernet;
  arp: Arp;
  ipv4: Ipv4;
  ipv6: Ipv6;
  icmp4: Icmp4;
  icmp6: Icmp6;
  udp: Udp;
  tcp: Tcp;
  payload: Uint8Array;
}
/** The layers as they may be given: what is left out has a default. */
interface Given extends Omit<Decoded, "ethernet" | "ipv4" | "ipv6" | "tcp"> {
  ethernet: EthernetFields;
  ipv4: Ipv4Fields;
  ipv6: Ipv6Fields;
  tcp: TcpFields;
}

/** A frame with exactly these layers; every other is absent, which is how frames are told apart: `if (layers.arp)`. */
type Stack<L extends Record<keyof Decoded, unknown>, Name extends keyof Decoded> = { [K in Name]: L[K] } & {
  [K in Exclude<keyof Decoded, Name>]?: undefined;
};
/**
 * Every frame there is. `payload` is what no layer here reads: user bytes, another protocol, or the piece that a
 * fragment carries.
 */
type Frame<L extends Record<keyof Decoded, unknown>> =
  | Stack<L, "ethernet" | "payload">
  | Stack<L, "ethernet" | "arp">
  | Stack<L, "ethernet" | "ipv4" | "payload">
  | Stack<L, "ethernet" | "ipv4" | "icmp4">
  | Stack<L, "ethernet" | "ipv4" | "udp" | "payload">
  | Stack<L, "ethernet" | "ipv4" | "tcp" | "payload">
  | Stack<L, "ethernet" | "ipv6" | "payload">
  | Stack<L, "ethernet" | "ipv6" | "icmp6">
  | Stack<L, "ethernet" | "ipv6" | "udp" | "payload">
  | Stack<L, "ethernet" | "ipv6" | "tcp" | "payload">;

/** What {@link decodePacket} gives. */
export type Layers = Frame<Decoded>;
/** What {@link encodePacket} takes; every {@link Layers} is one. */
export type LayersToEncode = Frame<Given>;

/**
 * Takes an Ethernet frame apart, down to UDP, TCP, ICMP and ND; DHCP stays `payload` (see `decodeDhcp4`). Padding
 * behind an IP packet is dropped. Byte arrays in the result are views of `bytes`.
 * @param options.verify false: take any checksum (offloading leaves them to the network card).
 * @throws {DecodeError} `truncated`, `bad-length`, `bad-value`, `unsupported`, `checksum`.  Pure; inverse of {@link
 * encodePacket}.
 */
export function decodePacket(bytes: Uint8Array, options: { verify?: boolean } = {}): Layers {
  const r = new Reader(bytes);
  const ethernet = decodeEthernet(r);
  switch (ethernet.etherType) {
    case EtherType.arp:
      return { ethernet, arp: decodeArp(r) };
    case EtherType.ipv4:
      return decodeOverIpv4(ethernet, r, options.verify ?? true);
    case EtherType.ipv6:
      return decodeOverIpv6(ethernet, r, options.verify ?? true);
    default:
      return { ethernet, payload: r.rest() };
  }
}

function decodeOverIpv4(ethernet: Ethernet, r: Reader, verify: boolean): Layers {
  const { header: ipv4, payload: body } = decodeIpv4(r, { verify });
  if (isFragment(ipv4)) return { ethernet, ipv4, payload: body.rest() };
  const addresses = verify ? { src: ipv4.src, dst: finalDestination(ipv4) } : undefined;
  switch (ipv4.protocol) {
    case IpProtocol.icmp4:
      return { ethernet, ipv4, icmp4: decodeIcmp4(body, addresses) };
    case IpProtocol.udp: {
      const { header: udp, payload } = decodeUdp(body, addresses);
      return { ethernet, ipv4, udp, payload };
    }
    case IpProtocol.tcp: {
      const { header: tcp, payload } = decodeTcp(body, addresses);
      return { ethernet, ipv4, tcp, payload };
    }
    default:
      return { ethernet, ipv4, payload: body.rest() };
  }
}

function decodeOverIpv6(ethernet: Ethernet, r: Reader, verify: boolean): Layers {
  const { header: ipv6, payload: body } = decodeIpv6(r);
  if (isFragment6(ipv6)) return { ethernet, ipv6, payload: body.rest() };
  const addresses = verify ? { src: ipv6.src, dst: finalDestination6(ipv6) } : undefined;
  switch (ipv6.protocol) {
    case IpProtocol.icmp6:
      return { ethernet, ipv6, icmp6: decodeIcmp6(body, addresses) };
    case IpProtocol.udp: {
      const { header: udp, payload } = decodeUdp(body, addresses);
      return { ethernet, ipv6, udp, payload };
    }
    case IpProtocol.tcp: {
      const { header: tcp, payload } = decodeTcp(body, addresses);
      return { ethernet, ipv6, tcp, payload };
    }
    default:
      return { ethernet, ipv6, payload: body.rest() };
  }
}

/**
 * Puts a frame together. Lengths, checksums, EtherType and protocol numbers are computed; where the caller gives one
 * of the last two as well, it must agree.
 * @returns the frame without padding to Ethernet's minimum, which a virtual link does not have.
 * @throws {EncodeError} `out-of-range`, `too-long`, `bad-value` (a number that contradicts the layer above, or is
 * missing where there is none).
 */
export function encodePacket(layers: LayersToEncode): Uint8Array {
  const w = new Writer(128);
  const { ethernet, arp, ipv4, ipv6 } = layers;
  if (arp !== undefined) {
    encodeEthernet(w, ethernet, agree("etherType", ethernet.etherType, EtherType.arp));
    encodeArp(w, arp);
  } else if (ipv4 !== undefined) {
    encodeEthernet(w, ethernet, agree("etherType", ethernet.etherType, EtherType.ipv4));
    const protocol = agree("protocol", ipv4.protocol, transportOf(layers));
    encodeIpv4(w, ipv4, protocol, (body) =>
      encodeTransport(body, layers, { src: ipv4.src, dst: finalDestination(ipv4) }),
    );
  } else if (ipv6 !== undefined) {
    encodeEthernet(w, ethernet, agree("etherType", ethernet.etherType, EtherType.ipv6));
    const protocol = agree("protocol", ipv6.protocol, transportOf(layers));
    encodeIpv6(w, ipv6, protocol, (body) =>
      encodeTransport(body, layers, { src: ipv6.src, dst: finalDestination6(ipv6) }),
    );
  } else {
    encodeEthernet(w, ethernet, agree("etherType", ethernet.etherType, undefined));
    w.bytes(layers.payload);
  }
  return w.slice();
}

/** The protocol number that the layer above IP calls for. */
function transportOf({ icmp4, icmp6, udp, tcp }: LayersToEncode): number | undefined {
  if (icmp4 !== undefined) return IpProtocol.icmp4;
  if (icmp6 !== undefined) return IpProtocol.icmp6;
  if (udp !== undefined) return IpProtocol.udp;
  return tcp === undefined ? undefined : IpProtocol.tcp;
}

function encodeTransport(w: Writer, layers: LayersToEncode, addresses: Addresses): void {
  if (layers.icmp4 !== undefined) encodeIcmp4(w, layers.icmp4, addresses);
  else if (layers.icmp6 !== undefined) encodeIcmp6(w, layers.icmp6, addresses);
  else if (layers.udp !== undefined) encodeUdp(w, layers.udp, addresses, layers.payload);
  else if (layers.tcp !== undefined) encodeTcp(w, layers.tcp, addresses, layers.payload);
  else if (layers.payload !== undefined) w.bytes(layers.payload);
}

function agree(field: string, given: number | undefined, computed: number | undefined): number {
  const value = computed ?? given;
  if (value === undefined) throw new EncodeError("bad-value", field, "missing, and no layer above tells it");
  if (given !== undefined && given !== value) {
    throw new EncodeError("bad-value", field, `${given}, and the layer above is ${value}`);
  }
  return value;
}
