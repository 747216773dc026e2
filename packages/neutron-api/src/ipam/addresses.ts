/** IP addresses and prefixes as numbers. Text is canonical: dotted quads without leading zeros, RFC 5952 for IPv6. */
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

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(Number(part));
  }
  return value;
}

/** @param atEnd whether the last 32 bits may be written as IPv4. */
function parseGroups(text: string, atEnd: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (atEnd && i === parts.length - 1 && part.includes(".")) {
      const tail = parseIpv4(part);
      if (tail === undefined) return undefined;
      groups.push(Number(tail >> 16n), Number(tail & 0xffffn));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  const [left, right] = halves;
  if (left === undefined || halves.length > 2) return undefined;
  const head = parseGroups(left, right === undefined);
  const tail = right === undefined ? [] : parseGroups(right, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  const valueOf = (groups: readonly number[]) => groups.reduce((v, group) => (v << 16n) | BigInt(group), 0n);
  return (valueOf(head) << BigInt(16 * (8 - head.length))) | valueOf(tail);
}

/** Leading zeros in a quad are read as decimal here; who must refuse them compares with {@link formatIp}. */
export function parseIp(text: string): Ip | undefined {
  if (text.includes(":")) {
    const value = parseIpv6(text);
    return value === undefined ? undefined : { version: 6, value };
  }
  const value = parseIpv4(text);
  return value === undefined ? undefined : { version: 4, value };
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
}

function formatIpv6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${formatIpv4(value & 0xffffffffn)}`;
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  // RFC 5952 section 4.2: the longest run of at least two zero groups, the first of equals.
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((g) => g.toString(16))
      .join(":");
  return best.length < 2 ? text(0, 8) : `${text(0, best.start)}::${text(best.start + best.length, 8)}`;
}

export function formatIp(ip: Ip): string {
  return ip.version === 4 ? formatIpv4(ip.value) : formatIpv6(ip.value);
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
  const mask = version === 4 ? parseIpv4(text) : undefined;
  if (mask === undefined) return undefined;
  const host = 0xffffffffn ^ mask;
  return (host & (host + 1n)) === 0n ? 32 - (host === 0n ? 0 : host.toString(2).length) : undefined;
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
  const octets = mac.split(":").map((octet) => Number.parseInt(octet, 16));
  const [first = 0, second = 0, third = 0, ...rest] = octets;
  const identifier = [first ^ 0x02, second, third, 0xff, 0xfe, ...rest].reduce((v, o) => (v << 8n) | BigInt(o), 0n);
  return { version: 6, value: prefix.first | identifier };
}

/** Does this look like an address made by {@link eui64}? */
export function isEui64(ip: Ip): boolean {
  return ip.version === 6 && ((ip.value >> 24n) & 0xffffn) === 0xfffen;
}
