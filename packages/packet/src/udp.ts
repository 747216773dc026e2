import type { Reader, Writer } from "@dragonflow/wire";
import { type Addresses, checksum, pseudoHeader } from "./checksum.ts";
import { IpProtocol } from "./ipv4.ts";

/** A UDP header (RFC 768). Length and checksum are computed on encode and checked on decode. */
export interface Udp {
  sourcePort: number;
  destinationPort: number;
}

/**
 * Reads a datagram to the end of its own length.
 * @param addresses of the IP header, which the checksum covers; `undefined` to take it unchecked.
 * @throws {DecodeError} `checksum` (also none at all over IPv6: RFC 8200 section 8.1), `bad-length`, `truncated`.
 */
export function decodeUdp(r: Reader, addresses?: Addresses): { header: Udp; payload: Uint8Array } {
  const start = r.offset;
  const sourcePort = r.u16("source port");
  const destinationPort = r.u16("destination port");
  const lengthBytes = r.u16("UDP length");
  const sum = r.u16("checksum");
  if (lengthBytes < 8) r.fail(`a UDP datagram of ${lengthBytes} bytes`, "bad-length");
  const payload = r.bytes(lengthBytes - 8, "UDP payload");
  if (addresses !== undefined && !(sum === 0 && typeof addresses.src === "number")) {
    const seed = pseudoHeader(addresses, IpProtocol.udp, lengthBytes);
    if (sum === 0 || checksum(r.since(start), seed) !== 0) r.fail("UDP datagram", "checksum");
  }
  return { header: { sourcePort, destinationPort }, payload };
}

/** Writes a datagram; computes length and checksum. @throws {EncodeError} `out-of-range`. */
export function encodeUdp(w: Writer, header: Udp, addresses: Addresses, payload: Uint8Array): void {
  const start = w.length;
  w.u16(header.sourcePort, "sourcePort").u16(header.destinationPort, "destinationPort");
  w.u16(payload.length + 8, "UDP length")
    .u16(0)
    .bytes(payload);
  const seed = pseudoHeader(addresses, IpProtocol.udp, w.length - start);
  // Zero would mean "no checksum": its other representation goes on the wire.
  w.setU16(start + 6, checksum(w.view(start), seed) || 0xffff);
}
