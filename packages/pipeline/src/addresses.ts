import {
  formatIpv6,
  linkLocal,
  parseIpv4 as readIpv4,
  parseIpv6 as readIpv6,
  parseMac as readMac,
} from "@dragonflow/packet";

export const isIpv6 = (address: string): boolean => address.includes(":");

/** The link-local address that goes with a MAC address, without anybody giving it (RFC 4291 section 2.5.6, modified EUI-64). */
export function linkLocalText(mac: string): string {
  return formatIpv6(linkLocal(readMac(mac)));
}

/** So many texts are remembered: a unit names the same few addresses in each of its flows. */
const REMEMBERED = 1024;

function remembering<T>(read: (text: string, field?: string) => T): (text: string, field?: string) => T {
  const known = new Map<string, T>();
  return (text, field) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const value = read(text, field);
    if (known.size >= REMEMBERED) known.clear();
    known.set(text, value);
    return value;
  };
}
export const parseMac = remembering(readMac);
export const parseIpv4 = remembering(readIpv4);
export const parseIpv6 = remembering(readIpv6);
