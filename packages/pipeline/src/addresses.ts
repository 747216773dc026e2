import { formatIpv6, linkLocal, parseMac } from "@dragonflow/packet";

export const isIpv6 = (address: string): boolean => address.includes(":");

/** The link-local address that goes with a MAC address, without anybody giving it (RFC 4291 section 2.5.6, modified EUI-64). */
export function linkLocalText(mac: string): string {
  return formatIpv6(linkLocal(parseMac(mac)));
}
