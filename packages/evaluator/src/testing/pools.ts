/**
 * What random rules are made of: few values, near each other and inside of each other, so that rules overlap, repeat, and stop just short of a
 * packet. Rules with a range for DCCP or UDPLite are not among them: Open vSwitch does not see these ports.
 */
import { ruleHash } from "@dragonflow/model";

export const HOSTS = ["host1", "host2", "host3"] as const;

/** A UUID whose first digits say what it stands for. */
export function uuid(kind: string, n: number): string {
  const digits = n.toString(16);
  return `${kind}${digits.padStart(6, "0")}-0000-4000-8000-${digits.padStart(12, "0")}`;
}
export const networkId = (n: number): string => uuid("ae", n);
export const subnetId = (n: number, version: 4 | 6): string => uuid(version === 4 ? "b4" : "b6", n);
export const portId = (n: number): string => uuid("c0", n);
export const routerId = (n: number): string => uuid("d0", n);
export const routerPortId = (n: number): string => uuid("e0", n);
/** Of a router's interface in the network. */
export const routerMac = (network: number): string => `fa:16:3f:00:00:0${network}`;
export const groupId = (n: number): string => uuid("56", n);
export const addressGroupId = (n: number): string => uuid("a6", n);

/** Prefixes by version: of everything, of networks, of single ports, around them, and of who is outside. */
export const PREFIXES = {
  4: [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.1.0/24",
    "10.0.2.0/24",
    "10.0.1.8/29",
    "10.0.1.12/30",
    "10.0.1.11/32",
    "10.0.1.12/32",
    "10.0.2.11/32",
    "172.20.0.0/16",
    "172.20.12.0/24",
    "192.0.2.0/24",
    "192.0.2.128/25",
    "192.0.2.7/32",
    "128.0.0.0/1",
  ],
  6: [
    "::/0",
    "fd00::/8",
    "fd00:1::/64",
    "fd00:2::/64",
    "fd00:1::8/125",
    "fd00:1::c/126",
    "fd00:1::b/128",
    "fd00:1::c/128",
    "fd00:2::b/128",
    "2001:db8:20::/48",
    "2001:db8:20:12::/64",
    "2001:db8::/32",
    "2001:db8:9::/48",
    "2001:db8:9::7/128",
    "8000::/1",
  ],
} as const;
export const ALL_PREFIXES: readonly string[] = [...PREFIXES[4], ...PREFIXES[6]];

/** Protocols of rules; null is any. */
export const PROTOCOLS = {
  4: [null, 1, 6, 17, 6, 17, 1, 132, 6, 17, 1, 33, 136, 47, 112],
  6: [null, 58, 6, 17, 6, 17, 58, 132, 6, 17, 58, 33, 136, 47, 112],
} as const;
export const RANGES = [
  [80, 80],
  [80, 81],
  [79, 80],
  [22, 443],
  [1, 1024],
  [1024, 65535],
  [1, 65535],
  [1000, 1999],
  [65535, 65535],
  [32768, 60999],
] as const;
/** Types and codes, with and without a code: zeros, requests and answers, errors, neighbour discovery. */
export const ICMP_MESSAGES: Readonly<Record<4 | 6, readonly (readonly [number, number | null])[]>> = {
  4: [
    [8, null],
    [8, 0],
    [0, null],
    [0, 0],
    [3, null],
    [3, 0],
    [3, 4],
    [11, 0],
    [13, 0],
    [255, 255],
  ],
  6: [
    [128, null],
    [128, 0],
    [129, null],
    [129, 0],
    [1, null],
    [1, 0],
    [1, 4],
    [2, 0],
    [134, 0],
    [135, 1],
  ],
};

/** Ids of rules: those below it share one hash, so that their order is that of the ids. */
export const ALIKE = 4;
let alike: readonly string[] | undefined;
export function ruleId(n: number): string {
  if (n >= ALIKE) return uuid("7e", n);
  alike ??= idsAlike();
  return alike[n] ?? uuid("7e", n);
}
function idsAlike(): readonly string[] {
  const found: string[] = [];
  const wanted = ruleHash(uuid("7f", 0));
  for (let n = 0; found.length < ALIKE; n++) if (ruleHash(uuid("7f", n)) === wanted) found.push(uuid("7f", n));
  return found;
}
