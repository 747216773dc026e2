import * as packet from "@dragonflow/packet";

/** IP addresses and prefixes as numbers of one kind, for arithmetic over both versions. Text is canonical: RFC 5952 for IPv6. */
export type IpVersion = 4 | 6;
export interface Ip {
  readonly version: IpVersion;
  readonly value: bigint;
}
/** An address with the length of its network: `ip` may have host bits, `first` and `last` are the network's bounds. */
export interface Prefix {
  readonly version: IpVersion;
  readonly ip: bigint;
  readonly length: number;
  readonly first: bigint;
  readonly last: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Leading zeros in a quad are read as decimal here; who must refuse them compares with {@link formatIp}. */
export function parseIp(text: string): Ip | undefined {
  const isIpv6 = text.includes(":");
  const address = isIpv6 ? packet.tryParseIpv6(text) : packet.tryParseIpv4(text.replaceAll(/(^|\.)0+(?=\d)/g, "$1"));
  return address === undefined ? undefined : { version: isIpv6 ? 6 : 4, value: BigInt(address) };
}

export function formatIp({ version, value }: Ip): string {
  return version === 4 ? packet.formatIpv4(Number(value)) : packet.formatIpv6(value);
}

/** `address/length`; a plain address is a prefix of full length. An IPv4 length may be a netmask. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === undefined) return undefined;
  const length = slash < 0 ? BITS[ip.version] : parseLength(text.slice(slash + 1), ip.version);
  return length === undefined ? undefined : prefixOf(ip, length);
}

function parseLength(text: string, version: IpVersion): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= BITS[version] ? Number(text) : undefined;
  const mask = version === 4 ? packet.tryParseIpv4(text) : undefined;
  return mask === undefined ? undefined : packet.prefixLengthOf(mask);
}

export function prefixOf(ip: Ip, length: number): Prefix {
  const hostBits = BigInt(BITS[ip.version] - length);
  const first = (ip.value >> hostBits) << hostBits;
  return { version: ip.version, ip: ip.value, length, first, last: first + (1n << hostBits) - 1n };
}

/** The network of a prefix as text: its first address and its length. */
export function formatNetwork(prefix: Prefix): string {
  return `${formatIp({ version: prefix.version, value: prefix.first })}/${prefix.length}`;
}

export function contains(prefix: Prefix, ip: Ip): boolean {
  return prefix.version === ip.version && ip.value >= prefix.first && ip.value <= prefix.last;
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.version === b.version && a.first <= b.last && b.first <= a.last;
}

/** May a port have this address? Not the network's own and, in IPv4, not the broadcast address; /31 and /32 have neither. RFC 3021. */
export function isHostAddress(prefix: Prefix, ip: Ip, mayBeNetworkAddress = false): boolean {
  if (!contains(prefix, ip)) return false;
  if (prefix.version === 6) return mayBeNetworkAddress || ip.value !== prefix.first;
  return ip.value !== prefix.first && (prefix.length > 30 || ip.value !== prefix.last);
}

/** The address that an interface makes for itself in a /64. RFC 4291 appendix A. */
export function eui64(prefix: Prefix, mac: string): Ip {
  return { version: 6, value: prefix.first | packet.eui64(packet.parseMac(mac)) };
}

/** Does this look like an address made by {@link eui64}? */
export function isEui64(ip: Ip): boolean {
  return ip.version === 6 && ((ip.value >> 24n) & 0xffffn) === 0xfffen;
}
