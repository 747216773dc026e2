import { type Codec, EncodeError } from "@dragonflow/wire";

/** A MAC address as a 48-bit number: `fa:16:3e:00:00:01` is 0xfa163e000001. */
export type Mac = number;
/** An IPv4 address as a 32-bit number: `10.0.0.1` is 0x0a000001. */
export type Ipv4Address = number;
/** An IPv6 address as a 128-bit integer. */
export type Ipv6Address = bigint;
/** An address of either version, told apart by `typeof`: a number is IPv4, a bigint is IPv6. */
export type IpAddress = Ipv4Address | Ipv6Address;

const MAX4 = 0xffffffff;
const MAX6 = (1n << 128n) - 1n;

// ---- wire forms, big-endian

export const mac48: Codec<Mac> = {
  read: (r) => r.u16("MAC address") * 0x100000000 + r.u32("MAC address"),
  write(w, mac, field) {
    if (!Number.isInteger(mac) || mac < 0 || mac > 0xffffffffffff) {
      throw new EncodeError("out-of-range", field, `${mac} is not a MAC address`);
    }
    w.u16(Math.floor(mac / 0x100000000)).u32(mac % 0x100000000);
  },
};
export const ip4: Codec<Ipv4Address> = {
  read: (r) => r.u32("IPv4 address"),
  write: (w, address, field) => void w.u32(address, field),
};
export const ip6: Codec<Ipv6Address> = {
  read: (r) => (r.u64("IPv6 address") << 64n) | r.u64("IPv6 address"),
  write: (w, address, field) => void w.u64(address >> 64n, field).u64(address & 0xffffffffffffffffn, field),
};

// ---- MAC addresses

export const MAC_BROADCAST: Mac = 0xffffffffffff;

/** Six pairs of hexadecimal digits, with colons or with hyphens, nothing else. `undefined` for other text. */
export function tryParseMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$|^[0-9a-f]{2}(?:-[0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Number.parseInt(text.replaceAll(/[:-]/g, ""), 16);
}
/** @throws {EncodeError} `bad-value`, naming `field`. */
export function parseMac(text: string, field = "MAC address"): Mac {
  return tryParseMac(text) ?? refuse(text, field);
}
/** Lower case, with colons. */
export function formatMac(mac: Mac): string {
  return mac
    .toString(16)
    .padStart(12, "0")
    .replaceAll(/..(?=.)/g, "$&:");
}
/** The group bit: multicast or broadcast (IEEE 802). */
export function isMulticastMac(mac: Mac): boolean {
  return (Math.floor(mac / 0x10000000000) & 1) === 1;
}

// ---- IPv4 addresses

/** Four decimal numbers 0..255 without leading zeros. `undefined` for other text. */
export function tryParseIpv4(text: string): Ipv4Address | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part)) return undefined;
    const byte = Number(part);
    if (byte > 255) return undefined;
    address = address * 256 + byte;
  }
  return address;
}
/** @throws {EncodeError} `bad-value`, naming `field`. */
export function parseIpv4(text: string, field = "IPv4 address"): Ipv4Address {
  return tryParseIpv4(text) ?? refuse(text, field);
}
export function formatIpv4(address: Ipv4Address): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

// ---- IPv6 addresses

/**
 * The text forms of RFC 4291 section 2.2, `::` and a dotted tail included; no zone, no brackets. `undefined` for
 * other text.
 */
export function tryParseIpv6(text: string): Ipv6Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? "", halves.length === 1);
  const tail = groups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return BigInt(`0x${[...head, ...Array<string>(missing).fill("0000"), ...tail].join("")}`);
}
/** Groups of four hexadecimal digits; the last may be a dotted quad where `dotted`. */
function groups(text: string, dotted: boolean): string[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const found: string[] = [];
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      found.push(part.padStart(4, "0"));
      continue;
    }
    const quad = dotted && i === parts.length - 1 ? tryParseIpv4(part) : undefined;
    if (quad === undefined) return undefined;
    const digits = quad.toString(16).padStart(8, "0");
    found.push(digits.slice(0, 4), digits.slice(4));
  }
  return found;
}
/** @throws {EncodeError} `bad-value`, naming `field`. */
export function parseIpv6(text: string, field = "IPv6 address"): Ipv6Address {
  return tryParseIpv6(text) ?? refuse(text, field);
}
/**
 * The one text of RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`,
 * IPv4-mapped with a dotted tail.
 */
export function formatIpv6(address: Ipv6Address): string {
  if (address >> 32n === 0xffffn) return `::ffff:${formatIpv4(Number(address & 0xffffffffn))}`;
  const parts: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) parts.push(Number((address >> shift) & 0xffffn));
  let start = 0;
  let length = 0;
  for (let i = 0, run = 0; i < 8; i++) {
    run = parts[i] === 0 ? run + 1 : 0;
    if (run > length) {
      length = run;
      start = i - run + 1;
    }
  }
  const text = (from: number, to: number): string =>
    parts
      .slice(from, to)
      .map((part) => part.toString(16))
      .join(":");
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

// ---- either version

/** An address of either version; `undefined` for text that is neither. */
export function tryParseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? tryParseIpv6(text) : tryParseIpv4(text);
}
/** @throws {EncodeError} `bad-value`, naming `field`. */
export function parseIp(text: string, field = "IP address"): IpAddress {
  return tryParseIp(text) ?? refuse(text, field);
}
export function formatIp(address: IpAddress): string {
  return typeof address === "number" ? formatIpv4(address) : formatIpv6(address);
}
export function isIpv4(address: IpAddress): address is Ipv4Address {
  return typeof address === "number";
}
/** 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 section 2.7). */
export function isMulticastIp(address: IpAddress): boolean {
  return typeof address === "number" ? address >>> 28 === 0xe : address >> 120n === 0xffn;
}
/** 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291 section 2.5.6). */
export function isLinkLocalIp(address: IpAddress): boolean {
  return typeof address === "number" ? address >>> 16 === 0xa9fe : address >> 118n === 0x3fan;
}
/** 127.0.0.0/8 (RFC 1122 section 3.2.1.3), ::1. */
export function isLoopbackIp(address: IpAddress): boolean {
  return typeof address === "number" ? address >>> 24 === 127 : address === 1n;
}
/** 0.0.0.0, ::. */
export function isUnspecifiedIp(address: IpAddress): boolean {
  return typeof address === "number" ? address === 0 : address === 0n;
}

/**
 * The group MAC address of a multicast address: RFC 1112 section 6.4 (its low 23 bits), RFC 2464 section 7 (its low
 * 32 bits).
 */
export function multicastMac(address: IpAddress): Mac {
  if (typeof address === "number") return 0x01005e000000 + (address & 0x7fffff);
  return 0x333300000000 + Number(address & 0xffffffffn);
}
/** ff02::1:ffXX:XXXX, where a neighbour with this address listens (RFC 4291 section 2.7.1). */
export function solicitedNode(address: Ipv6Address): Ipv6Address {
  return 0xff0200000000000000000001ff000000n | (address & 0xffffffn);
}
/** The modified EUI-64 interface identifier of a MAC address, 64 bits (RFC 4291 appendix A). */
export function eui64(mac: Mac): bigint {
  const bits = BigInt(mac);
  return (((bits >> 24n) ^ 0x020000n) << 40n) | 0xfffe000000n | (bits & 0xffffffn);
}
/** fe80:: with the EUI-64 of a MAC address (RFC 4862 section 5.3). */
export function linkLocal(mac: Mac): Ipv6Address {
  return (0xfe80n << 112n) | eui64(mac);
}

/** ff02::1 and ff02::2 (RFC 4291 section 2.7.1). */
export const ALL_NODES: Ipv6Address = 0xff020000000000000000000000000001n;
export const ALL_ROUTERS: Ipv6Address = 0xff020000000000000000000000000002n;
export const IPV4_BROADCAST: Ipv4Address = MAX4;

// ---- masks

/** A mask of `prefixLength` ones, 0..32: 24 is 255.255.255.0. */
export function mask4(prefixLength: number): Ipv4Address {
  return prefixLength === 0 ? 0 : (MAX4 << (32 - prefixLength)) >>> 0;
}
/** A mask of `prefixLength` ones, 0..128. */
export function mask6(prefixLength: number): Ipv6Address {
  return MAX6 ^ (MAX6 >> BigInt(prefixLength));
}
/** The inverse of {@link mask4}; `undefined` for a mask with holes. */
export function prefixLengthOf(mask: Ipv4Address): number | undefined {
  const prefixLength = Math.clz32(~mask);
  return mask4(prefixLength) === mask ? prefixLength : undefined;
}

function refuse(text: string, field: string): never {
  throw new EncodeError("bad-value", field, `${JSON.stringify(text)} is not one`);
}
