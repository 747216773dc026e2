import type { Match } from "@dragonflow/openflow";
import { isIpv6, parseIpv4, parseIpv6, parseMac } from "./addresses.ts";
import { isRegister, registers } from "./registers.ts";

/** A value of a field, as apps write it: a number, an address in text, a prefix (`10.0.0.0/24`), or a value under a mask. */
export type MatchValue = number | bigint | string | { readonly value: number | bigint; readonly mask: number | bigint };
/** Registers and OpenFlow fields by name. */
export type MatchSpec = Readonly<Record<string, MatchValue>>;

const MAC_FIELDS: ReadonlySet<string> = new Set(["eth_src", "eth_dst", "arp_sha", "arp_tha", "nd_sll", "nd_tll"]);

/** A register's share of its Open vSwitch register; several registers that are parts of one become one masked match. */
function addRegister(match: Record<string, unknown>, name: Parameters<typeof isRegister>[0], value: MatchValue): void {
  if (!isRegister(name)) throw new RangeError(`no register ${name}`);
  if (typeof value !== "number") throw new TypeError(`register ${name}: a number is needed`);
  const { field, start, bits } = registers[name];
  if (value < 0 || value >= 2 ** bits) throw new RangeError(`register ${name}: ${value} does not fit ${bits} bits`);
  if (bits === 32) {
    match[field] = value;
    return;
  }
  const before = match[field];
  const own = { value: value * 2 ** start, mask: (2 ** bits - 1) * 2 ** start };
  if (isMasked(before)) match[field] = { value: before.value + own.value, mask: before.mask + own.mask };
  else match[field] = own;
}
function isMasked(value: unknown): value is { value: number; mask: number } {
  return typeof value === "object" && value !== null && "mask" in value;
}

function addressValue(field: string, text: string): unknown {
  if (MAC_FIELDS.has(field)) return parseMac(text, field);
  const slash = text.indexOf("/");
  if (slash < 0) return isIpv6(text) ? parseIpv6(text, field) : parseIpv4(text, field);
  return prefixValue(field, text.slice(0, slash), text.slice(slash + 1));
}

function prefixValue(field: string, address: string, prefix: string): unknown {
  if (isIpv6(address)) {
    const value = parseIpv6(address, field);
    const mask = ((1n << 128n) - 1n) ^ ((1n << BigInt(128 - Number(prefix))) - 1n);
    return { value: value & mask, mask };
  }
  const value = parseIpv4(address, field);
  const length = Number(prefix);
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  return { value: (value & mask) >>> 0, mask };
}

/** @throws {EncodeError} on an address that is none. @throws {RangeError} on a register's value that does not fit. */
export function toMatch(spec: MatchSpec): Match {
  const match: Record<string, unknown> = {};
  for (const name in spec) {
    const value = spec[name];
    if (value === undefined) continue;
    if (isRegister(name)) addRegister(match, name, value);
    else if (typeof value === "string") match[name] = addressValue(name, value);
    else match[name] = value;
  }
  return match;
}
