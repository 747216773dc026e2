import {
  bits,
  EncodeError,
  list,
  type Reader,
  struct,
  tlvs,
  u16,
  u8,
  type ValueOf,
  type Writer,
} from "@dragonflow/wire";
import { ip4, type Ipv4Address } from "./addresses.ts";
import { checksum } from "./checksum.ts";

/** Protocol numbers (IANA), as IPv4 `protocol` and IPv6 `nextHeader`. */
export const IpProtocol = { icmp4: 1, igmp: 2, tcp: 6, udp: 17, icmp6: 58, sctp: 132 } as const;

const route = struct({ pointer: u8, addresses: list(ip4) });
/** Options, one row per kind: RFC 791 section 3.1; router alert RFC 2113. Others are kept as `other`. */
const options = tlvs(
  { typeBytes: 1, lengthBytes: 1, lengthCoversHeader: true, bare: [1], end: 0 },
  {
    nop: { type: 1, value: struct({}) },
    "record-route": { type: 7, value: route },
    "loose-source-route": { type: 131, value: route },
    "strict-source-route": { type: 137, value: route },
    "router-alert": { type: 148, value: struct({ value: u16 }) },
  },
);
export type Ipv4Option = ValueOf<typeof options>[number];

/**
 * An IPv4 header (RFC 791 section 3.1; DSCP RFC 2474, ECN RFC 3168). Length and checksum are computed on encode and
 * checked on decode.
 */
export interface Ipv4 {
  src: Ipv4Address;
  dst: Ipv4Address;
  protocol: number;
  ttl: number;
  dscp: number;
  ecn: number;
  /** Identification, common to the fragments of a datagram. */
  id: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** Where this fragment begins in the datagram's payload; a multiple of 8. */
  fragmentOffsetBytes: number;
  options: Ipv4Option[];
}
/** To encode: TTL 64 and zeros unless given; the protocol follows from the layer above where there is one. */
export type Ipv4Fields = Pick<Ipv4, "src" | "dst"> & Partial<Ipv4>;

const first = bits(8, { version: 4, headerWords: 4 });
const service = bits(8, { dscp: 6, ecn: 2 });
const fragment = bits(16, { reserved: 1, dontFragment: "flag", moreFragments: "flag", offsetUnits: 13 });

/**
 * Reads a header and leaves the reader behind it, whether or not the payload is all there: what an ICMP error quotes.
 * @throws {DecodeError} `checksum` unless `verify` is false, `bad-value`, `bad-length`, `truncated`.
 */
export function decodeIpv4Header(r: Reader, { verify = true } = {}): { header: Ipv4; payloadBytes: number } {
  const start = r.offset;
  const { version, headerWords } = first.read(r);
  if (version !== 4) r.fail(`IP version ${version} in an IPv4 packet`);
  const { dscp, ecn } = service.read(r);
  const totalBytes = r.u16("total length");
  const headerBytes = headerWords * 4;
  if (headerBytes < 20 || totalBytes < headerBytes) {
    r.fail(`header of ${headerBytes} bytes in a packet of ${totalBytes}`, "bad-length");
  }
  const id = r.u16("identification");
  const { dontFragment, moreFragments, offsetUnits } = fragment.read(r);
  const ttl = r.u8("TTL");
  const protocol = r.u8("protocol");
  r.skip(2, "header checksum");
  const src = ip4.read(r);
  const dst = ip4.read(r);
  const optionBytes = r.sub(headerBytes - 20, "options");
  if (verify && checksum(r.since(start)) !== 0) r.fail("IPv4 header", "checksum");
  const header = {
    src,
    dst,
    protocol,
    ttl,
    dscp,
    ecn,
    id,
    dontFragment,
    moreFragments,
    fragmentOffsetBytes: offsetUnits * 8,
    options: optionBytes.done ? [] : options.read(optionBytes),
  };
  return { header, payloadBytes: totalBytes - headerBytes };
}

/**
 * Reads a whole packet; the reader goes on behind it (padding of short Ethernet frames). Errors as {@link
 * decodeIpv4Header}.
 */
export function decodeIpv4(r: Reader, verification: { verify?: boolean } = {}): { header: Ipv4; payload: Reader } {
  const { header, payloadBytes } = decodeIpv4Header(r, verification);
  return { header, payload: r.sub(payloadBytes, "IPv4 payload") };
}

/** Is this a part of a datagram, without which nothing can be said about the layer above? */
export function isFragment({ moreFragments, fragmentOffsetBytes }: Ipv4): boolean {
  return moreFragments || fragmentOffsetBytes !== 0;
}

/**
 * Where the packet ends up: the last stop of a source route that is not used up, which is what checksums cover (RFC
 * 1122 section 3.2.1.8 (e)).
 */
export function finalDestination({ dst, options = [] }: Pick<Ipv4Fields, "dst" | "options">): Ipv4Address {
  for (const option of options) {
    if (option.kind !== "loose-source-route" && option.kind !== "strict-source-route") continue;
    const { pointer, addresses } = option;
    if (pointer < 4 + 4 * addresses.length) return addresses.at(-1) ?? dst;
  }
  return dst;
}

/**
 * Writes header and payload; computes length and checksum.
 * @param protocol of the payload.
 * @throws {EncodeError} `too-long`, `out-of-range`; a fragment offset that is no multiple of 8 is one.
 */
export function encodeIpv4(w: Writer, fields: Ipv4Fields, protocol: number, payload: (w: Writer) => void): void {
  const { src, dst, ttl = 64, dscp = 0, ecn = 0, id = 0, dontFragment = false, moreFragments = false } = fields;
  const start = w.length;
  w.u8(0);
  service.write(w, { dscp, ecn }, "service");
  w.u16(0).u16(id, "id");
  fragment.write(w, { dontFragment, moreFragments, offsetUnits: (fields.fragmentOffsetBytes ?? 0) / 8 }, "fragment");
  w.u8(ttl, "ttl").u8(protocol, "protocol").zeros(2).u32(src, "src").u32(dst, "dst");
  options.write(w, fields.options ?? [], "options");
  w.align(4, start);
  const headerBytes = w.length - start;
  if (headerBytes > 60) throw new EncodeError("too-long", "options", `${headerBytes - 20} bytes, 40 at most`);
  w.setU8(start, 0x40 | (headerBytes / 4));
  payload(w);
  w.setU16(start + 2, w.length - start, "total length");
  w.setU16(start + 10, checksum(w.view(start, start + headerBytes)));
}
