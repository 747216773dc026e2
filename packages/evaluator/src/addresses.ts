/**
 * Addresses and prefixes from text. Written once more, and not shared with whoever compiles flows: an oracle that makes the same mistake says
 * nothing.
 */
export interface Address {
  readonly version: 4 | 6;
  readonly bits: bigint;
}

const WIDTH = { 4: 32, 6: 128 } as const;

/** @throws {RangeError} when it is no address. */
export function parseAddress(text: string): Address {
  return text.includes(":") ? { version: 6, bits: parseIpv6(text) } : { version: 4, bits: parseIpv4(text) };
}

/** Is the address in the prefix (`address/length`, or one address)? Never of the other version. @throws {RangeError} when either is no such text. */
export function inPrefix(address: string, prefix: string): boolean {
  const [network = "", length] = prefix.split("/");
  const one = parseAddress(address);
  const other = parseAddress(network);
  const width = WIDTH[other.version];
  const fixed = length === undefined ? width : decimal(length, width);
  const free = BigInt(width - fixed);
  return one.version === other.version && one.bits >> free === other.bits >> free;
}

function parseIpv4(text: string): bigint {
  const parts = text.split(".");
  if (parts.length !== 4) throw new RangeError(`${JSON.stringify(text)} is no IPv4 address`);
  return parts.reduce((bits, part) => bits * 256n + BigInt(decimal(part, 255)), 0n);
}

/** RFC 4291 section 2.2: eight groups; `::` once, for any number of zero groups; the last two may be written as an IPv4 address. */
function parseIpv6(text: string): bigint {
  const halves = text.split("::");
  const [head = [], tail = []] = halves.map(groupsOf);
  const missing = 8 - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0))
    throw new RangeError(`${JSON.stringify(text)} is no IPv6 address`);
  const zeros = Array.from({ length: missing }, () => 0n);
  return [...head, ...zeros, ...tail].reduce((bits, group) => bits * 65536n + group, 0n);
}

function groupsOf(half: string): readonly bigint[] {
  if (half === "") return [];
  return half.split(":").flatMap((group) => {
    if (group.includes(".")) {
      const bits = parseIpv4(group);
      return [bits >> 16n, bits & 0xffffn];
    }
    if (!/^[0-9a-f]{1,4}$/i.test(group))
      throw new RangeError(`${JSON.stringify(group)} is no group of an IPv6 address`);
    return [BigInt(`0x${group}`)];
  });
}

function decimal(text: string, max: number): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) > max)
    throw new RangeError(`${JSON.stringify(text)} is no number 0..${max}`);
  return Number(text);
}
