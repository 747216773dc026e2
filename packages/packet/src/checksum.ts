import type { IpAddress } from "./addresses.ts";

/**
 * The Internet checksum (RFC 1071): the complement of the one's complement sum of 16-bit words; an odd last byte is
 * padded with a zero. Over bytes that hold their own checksum it is 0 when they are intact.
 * @param seed sum of what is covered but not in `bytes`: see {@link pseudoHeader}.
 * @returns 16 bits, as they go on the wire.
 */
export function checksum(bytes: Uint8Array, seed = 0): number {
  let sum = seed;
  const even = bytes.length & ~1;
  for (let i = 0; i < even; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  if (even < bytes.length) sum += (bytes[even] ?? 0) << 8;
  return ~fold(sum) & 0xffff;
}

/** Source and destination of the IP header: what the checksums of UDP, TCP and ICMPv6 cover beside their own bytes. */
export interface Addresses {
  readonly src: IpAddress;
  readonly dst: IpAddress;
}

/**
 * The sum over the pseudo header of IPv4 (RFC 768, RFC 9293 section 3.1) or IPv6 (RFC 8200 section 8.1): the seed of
 * {@link checksum}.
 */
export function pseudoHeader({ src, dst }: Addresses, protocol: number, lengthBytes: number): number {
  return words(src) + words(dst) + protocol + (lengthBytes >>> 16) + (lengthBytes & 0xffff);
}

function words(address: IpAddress): number {
  if (typeof address === "number") return (address >>> 16) + (address & 0xffff);
  let sum = 0;
  for (let shift = 0n; shift < 128n; shift += 32n) sum += words(Number((address >> shift) & 0xffffffffn));
  return sum;
}

/** Adds the carries back in until 16 bits are left. */
function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}
