import { EncodeError } from "@dragonflow/wire";
import { formatIp, type IpAddress, type Ipv4Address, type Ipv6Address, mask4, mask6, tryParseIp } from "./addresses.ts";

/** An address with a prefix length (RFC 4632): the host bits may be set, as in `10.0.0.5/24`. */
export interface Cidr4 {
  readonly address: Ipv4Address;
  readonly prefixLength: number;
}
export interface Cidr6 {
  readonly address: Ipv6Address;
  readonly prefixLength: number;
}
/** A CIDR of either version, told apart by `typeof cidr.address`. */
export type Cidr = Cidr4 | Cidr6;

/** Is this one IPv4? */
export function isCidr4(cidr: Cidr): cidr is Cidr4 {
  return typeof cidr.address === "number";
}

/** `address/length`, strictly; `undefined` for other text, an address without a length included. */
export function tryParseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const length = text.slice(slash + 1);
  const address = tryParseIp(text.slice(0, slash));
  if (address === undefined || !/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const prefixLength = Number(length);
  return prefixLength <= bitsOf(address) ? cidr(address, prefixLength) : undefined;
}
/** @throws {EncodeError} `bad-value`, naming `field`. */
export function parseCidr(text: string, field = "CIDR"): Cidr {
  const parsed = tryParseCidr(text);
  if (parsed === undefined) throw new EncodeError("bad-value", field, `${JSON.stringify(text)} is not one`);
  return parsed;
}
export function formatCidr({ address, prefixLength }: Cidr): string {
  return `${formatIp(address)}/${prefixLength}`;
}

/** The address with a prefix length; the full length (one address) where none is given. */
export function cidr(address: IpAddress, prefixLength: number = bitsOf(address)): Cidr {
  return typeof address === "number" ? { address, prefixLength } : { address, prefixLength };
}

/** The first address: host bits cleared. */
export function firstAddress(c: Cidr4): Ipv4Address;
export function firstAddress(c: Cidr6): Ipv6Address;
export function firstAddress(c: Cidr): IpAddress;
export function firstAddress(c: Cidr): IpAddress {
  return isCidr4(c) ? (c.address & mask4(c.prefixLength)) >>> 0 : c.address & mask6(c.prefixLength);
}
/** The last address: host bits set. In IPv4 the directed broadcast address of a subnet. */
export function lastAddress(c: Cidr4): Ipv4Address;
export function lastAddress(c: Cidr6): Ipv6Address;
export function lastAddress(c: Cidr): IpAddress;
export function lastAddress(c: Cidr): IpAddress {
  return isCidr4(c) ? (c.address | ~mask4(c.prefixLength)) >>> 0 : c.address | (mask6(128) ^ mask6(c.prefixLength));
}
/** The same prefix with host bits cleared: `10.0.0.5/24` becomes `10.0.0.0/24`. */
export function networkOf(c: Cidr): Cidr {
  return cidr(firstAddress(c), c.prefixLength);
}
/** The number of addresses, first and last included. */
export function addressCount(c: Cidr): bigint {
  return 1n << BigInt(bitsOf(c.address) - c.prefixLength);
}
/** Is the address inside? An address of the other version never is. */
export function contains(c: Cidr, address: IpAddress): boolean {
  if (isCidr4(c)) return typeof address === "number" && ((c.address ^ address) & mask4(c.prefixLength)) === 0;
  return typeof address === "bigint" && ((c.address ^ address) & mask6(c.prefixLength)) === 0n;
}
/** Is every address of `inner` in `outer`? */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.prefixLength >= outer.prefixLength && contains(outer, inner.address);
}
/** Do they have an address in common? Prefixes do exactly when one contains the other. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.prefixLength <= b.prefixLength ? contains(a, b.address) : contains(b, a.address);
}

function bitsOf(address: IpAddress): 32 | 128 {
  return typeof address === "number" ? 32 : 128;
}
