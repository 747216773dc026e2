import {
  bits,
  EncodeError,
  Reader,
  rest,
  struct,
  tlvs,
  u16,
  u32,
  u8,
  type ValueOf,
  type Writer,
} from "@dragonflow/wire";
import { ip6, type Ipv6Address } from "./addresses.ts";

const PAD1 = 0;
const PADN = 1;

/**
 * Options of the hop-by-hop and destination headers (RFC 8200 section 4.2), one row per kind; router alert RFC 2711.
 * Others are kept as `other`.
 */
const options = tlvs(
  { typeBytes: 1, lengthBytes: 1, bare: [PAD1] },
  { "router-alert": { type: 5, value: struct({ value: u16 }) } },
);
export type Ipv6Option = ValueOf<typeof options>[number];

const SEGMENT_ROUTING = 4;

const fragmentHeader = struct({
  position: bits(16, { offsetUnits: 13, reserved: 2, more: "flag" }),
  id: u32,
});
const routingHeader = struct({ routingType: u8, segmentsLeft: u8, bytes: rest });

/**
 * One extension header (RFC 8200 section 4). Padding at the end of an option list is not part of it: it is computed
 * on encode.
 */
export type Ipv6Extension =
  | { kind: "hop-by-hop" | "destination"; options: Ipv6Option[] }
  | { kind: "routing"; routingType: number; segmentsLeft: number; bytes: Uint8Array }
  | { kind: "fragment"; offsetBytes: number; more: boolean; id: number };

/** Protocol numbers of the extension headers read here. */
const EXTENSION = { "hop-by-hop": 0, routing: 43, fragment: 44, destination: 60 } as const;

/**
 * An IPv6 header with its extension headers (RFC 8200 sections 3 and 4). Lengths and next-header numbers are computed
 * on encode.
 */
export interface Ipv6 {
  src: Ipv6Address;
  dst: Ipv6Address;
  /** Of the payload behind the last extension header. */
  protocol: number;
  hopLimit: number;
  dscp: number;
  ecn: number;
  /** 20 bits (RFC 6437). */
  flowLabel: number;
  /** In the order of the wire. */
  extensions: Ipv6Extension[];
}
/** To encode: hop limit 64 and zeros unless given; the protocol follows from the layer above where there is one. */
export type Ipv6Fields = Pick<Ipv6, "src" | "dst"> & Partial<Ipv6>;

const first = bits(32, { version: 4, dscp: 6, ecn: 2, flowLabel: 20 });

/**
 * Reads the fixed header and the extension headers, and leaves the reader behind them, whether or not the payload is
 * all there: what an ICMPv6 error quotes. `payloadBytes` is what the header says follows.
 * @throws {DecodeError} `bad-value`, `bad-length`, `truncated`.
 */
export function decodeIpv6Header(r: Reader): { header: Ipv6; payloadBytes: number } {
  const { version, dscp, ecn, flowLabel } = first.read(r);
  if (version !== 6) r.fail(`IP version ${version} in an IPv6 packet`);
  const followingBytes = r.u16("payload length");
  let protocol = r.u8("next header");
  const hopLimit = r.u8("hop limit");
  const src = ip6.read(r);
  const dst = ip6.read(r);
  const start = r.offset;
  const extensions: Ipv6Extension[] = [];
  while (isExtension(protocol)) {
    const nextHeader = r.u8("next header");
    const extension = decodeExtension(r, protocol);
    extensions.push(extension);
    protocol = nextHeader;
    // Behind the header of a later fragment stands the middle of a payload, whatever its protocol number says.
    if (extension.kind === "fragment" && extension.offsetBytes > 0) break;
  }
  const payloadBytes = followingBytes - (r.offset - start);
  if (payloadBytes < 0) r.fail(`extension headers longer than the ${followingBytes} bytes of the packet`, "bad-length");
  return { header: { src, dst, protocol, hopLimit, dscp, ecn, flowLabel, extensions }, payloadBytes };
}

type ExtensionProtocol = (typeof EXTENSION)[keyof typeof EXTENSION];

function isExtension(protocol: number): protocol is ExtensionProtocol {
  return protocol === 0 || protocol === 43 || protocol === 44 || protocol === 60;
}

/** Reads one extension header from behind its next-header byte: `length:8 (in 8 bytes, without the first) | body`. */
function decodeExtension(r: Reader, protocol: ExtensionProtocol): Ipv6Extension {
  const lengthUnits = r.u8("extension length");
  // In a fragment header this byte is reserved: its length is fixed.
  const body = r.sub(6 + (protocol === EXTENSION.fragment ? 0 : lengthUnits * 8), "extension header");
  switch (protocol) {
    case EXTENSION["hop-by-hop"]:
      return { kind: "hop-by-hop", options: decodeOptions(body) };
    case EXTENSION.destination:
      return { kind: "destination", options: decodeOptions(body) };
    case EXTENSION.routing:
      return { kind: "routing", ...routingHeader.read(body) };
    case EXTENSION.fragment: {
      const { position, id } = fragmentHeader.read(body);
      return { kind: "fragment", offsetBytes: position.offsetUnits * 8, more: position.more, id };
    }
  }
}

function decodeOptions(r: Reader): Ipv6Option[] {
  const all = options.read(r);
  const last = all.findLastIndex((option) => !isPadding(option));
  return all.slice(0, last + 1);
}
function isPadding(option: Ipv6Option): boolean {
  return option.kind === "other" && (option.type === PAD1 || option.type === PADN);
}

/**
 * Reads a whole packet; the reader goes on behind it. Errors as {@link decodeIpv6Header}; jumbograms (RFC 2675) are
 * `unsupported`.
 */
export function decodeIpv6(r: Reader): { header: Ipv6; payload: Reader } {
  const { header, payloadBytes } = decodeIpv6Header(r);
  return { header, payload: r.sub(payloadBytes, "IPv6 payload") };
}

/**
 * Is this a part of a datagram, without which nothing can be said about the layer above? A lone ("atomic") fragment
 * is whole (RFC 6946).
 */
export function isFragment6({ extensions }: Ipv6): boolean {
  return extensions.some((e) => e.kind === "fragment" && (e.more || e.offsetBytes !== 0));
}

/** Is this a fragment that has no beginning of the layer above in it? */
export function isLaterFragment6({ extensions }: Ipv6): boolean {
  return extensions.some((e) => e.kind === "fragment" && e.offsetBytes !== 0);
}

/**
 * Where the packet ends up: the last segment of a routing header that is not used up, which is what checksums cover
 * (RFC 8200 section 8.1).
 */
export function finalDestination6({ dst, extensions = [] }: Pick<Ipv6Fields, "dst" | "extensions">): Ipv6Address {
  for (const extension of extensions) {
    if (extension.kind !== "routing" || extension.segmentsLeft === 0) continue;
    const { routingType, bytes } = extension;
    // `reserved or flags:32 | addresses`: types 0 and 2 (RFC 6275 section 6.4) end with the last stop, type 4 (RFC
    // 8754) begins with it.
    const r = new Reader(bytes);
    if (routingType === SEGMENT_ROUTING) return ip6.read(r.fork(4));
    if (routingType === 0 || routingType === 2) return ip6.read(r.fork(bytes.length - 16));
  }
  return dst;
}

/**
 * Writes headers and payload; computes lengths, next-header numbers and the padding of options.
 * @param protocol of the payload.
 * @throws {EncodeError} `out-of-range`, `too-long`, `bad-value` (a routing header that does not fill 8-byte units).
 */
export function encodeIpv6(w: Writer, fields: Ipv6Fields, protocol: number, payload: (w: Writer) => void): void {
  const { src, dst, hopLimit = 64, dscp = 0, ecn = 0, flowLabel = 0, extensions = [] } = fields;
  const chain = [...extensions.map(({ kind }) => EXTENSION[kind]), protocol];
  const start = w.length;
  first.write(w, { version: 6, dscp, ecn, flowLabel }, "ipv6");
  w.u16(0)
    .u8(chain[0] ?? protocol, "protocol")
    .u8(hopLimit, "hopLimit");
  ip6.write(w, src, "src");
  ip6.write(w, dst, "dst");
  for (const [i, extension] of extensions.entries()) encodeExtension(w, extension, chain[i + 1] ?? protocol);
  payload(w);
  w.setU16(start + 4, w.length - start - 40, "payload length");
}

function encodeExtension(w: Writer, extension: Ipv6Extension, nextHeader: number): void {
  const start = w.length;
  w.u8(nextHeader, "protocol").u8(0);
  switch (extension.kind) {
    case "hop-by-hop":
    case "destination":
      options.write(w, extension.options, extension.kind);
      pad(w, start);
      break;
    case "routing":
      routingHeader.write(w, extension, "routing");
      break;
    case "fragment": {
      const { offsetBytes, more, id } = extension;
      fragmentHeader.write(w, { position: { offsetUnits: offsetBytes / 8, more }, id }, "fragment");
      return;
    }
  }
  const bytes = w.length - start;
  if (bytes % 8 !== 0) throw new EncodeError("bad-value", extension.kind, `${bytes} bytes do not fill units of 8`);
  w.setU8(start + 1, bytes / 8 - 1, `${extension.kind} length`);
}

/** Fills up to a unit of 8 bytes with Pad1 or PadN (RFC 8200 section 4.2). */
function pad(w: Writer, start: number): void {
  const missing = (8 - ((w.length - start) % 8)) % 8;
  if (missing === 1) w.u8(PAD1);
  else if (missing > 1)
    w.u8(PADN)
      .u8(missing - 2)
      .zeros(missing - 2);
}
