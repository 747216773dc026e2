import type { FieldRow } from "../fields/lookup.ts";
import { MAX_TUNNEL_METADATA_BYTES } from "../fields/row.ts";
import { parseIpv4, parseIpv6, parseMac, prefixLength, prefixMask, printIpv4, printIpv6, printMac } from "./address.ts";
import { CT_STATE_FLAGS, type FlagNames, parseFlags, printFlags, TCP_FLAGS, TUN_FLAGS } from "./flags.ts";
import { type NamedNumbers, type Names, parsePort, printPort } from "./names.ts";
import { hex, hexOrZero, parseBigInt } from "./number.ts";
import type { Piece } from "./piece.ts";

/** A value as text says it; `mask` absent: all bits. */
export interface TextValue {
  readonly value: number | bigint;
  readonly mask?: number | bigint;
}

/** Bit 0: a fragment; bit 1: not the first one. A word that stands twice is read as what comes first. */
const FRAGMENTS: readonly { readonly name: string; readonly value: number; readonly mask: number }[] = [
  { name: "no", value: 0, mask: 3 },
  { name: "first", value: 1, mask: 3 },
  { name: "later", value: 3, mask: 3 },
  { name: "yes", value: 1, mask: 1 },
  { name: "not_later", value: 0, mask: 2 },
  { name: "no", value: 0, mask: 1 },
  { name: "later", value: 2, mask: 2 },
];

/** The spelling of ovs-fields(7). */
export function fieldText(row: FieldRow): string {
  return row.field.text?.[0] ?? row.name;
}

/** A value as ovs-ofctl prints it in set_field and learn: `value` or `value/mask`. */
export function printValue(
  row: FieldRow,
  value: number | bigint,
  mask: number | bigint | undefined,
  names: Names,
): string {
  if (mask === 0 || mask === 0n) return "ANY";
  const { format = "decimal" } = row.field;
  switch (format) {
    case "ethernet":
      return mask === undefined ? printMac(Number(value)) : `${printMac(Number(value))}/${printMac(Number(mask))}`;
    case "ipv4":
      return printIpv4(Number(value)) + ipv4Suffix(mask);
    case "ipv6":
      return printIpv6(BigInt(value)) + ipv6Suffix(mask);
    case "ct_state":
      return printFieldFlags(row, value, mask, CT_STATE_FLAGS);
    case "tcp_flags":
      return printFieldFlags(row, value, mask, TCP_FLAGS);
    case "tun_flags":
      return printFieldFlags(row, value, mask, TUN_FLAGS);
    case "frag": {
      const known = FRAGMENTS.find((one) => one.value === value && one.mask === (mask ?? row.ones));
      return known?.name ?? "<error>";
    }
    case "packet_type":
      return printPacketType(Number(value));
    case "port":
      if (mask === undefined) return printPort(widen(row, Number(value)), names);
      return `${value}/${hex(mask)}`;
    case "decimal":
      return mask === undefined ? value.toString() : `${value}/${hex(mask)}`;
    case "hexadecimal":
      return mask === undefined ? hexOrZero(value) : `${hexOrZero(value)}/${hex(mask)}`;
  }
}

function widen(row: FieldRow, port: number): number {
  return row.bytes === 2 && port >= 0xff00 ? port + 0xffff0000 : port;
}

function printFieldFlags(
  row: FieldRow,
  value: number | bigint,
  mask: number | bigint | undefined,
  names: FlagNames,
): string {
  return printFlags(Number(value), Number(mask ?? row.ones), names);
}

export function printPacketType(value: number): string {
  return value === 0 ? "eth" : `packet_type=(${value >>> 16},${hex(value & 0xffff)})`;
}

/** `/24`, or `/255.0.255.0` for a mask that is not of leading ones. */
export function ipv4Suffix(mask: number | bigint | undefined): string {
  if (mask === undefined) return "";
  const length = prefixLength(BigInt(mask), 32);
  return length === undefined ? `/${printIpv4(Number(mask))}` : `/${length}`;
}

export function ipv6Suffix(mask: number | bigint | undefined): string {
  if (mask === undefined) return "";
  const length = prefixLength(BigInt(mask), 128);
  return length === undefined ? `/${printIpv6(BigInt(mask))}` : `/${length}`;
}

/** How many bits a number in the text of this field may have. */
function textBits(row: FieldRow): number {
  return row.mapped ? MAX_TUNNEL_METADATA_BYTES * 8 : row.field.bits;
}

/** Reads `value` or `value/mask` as ovs-ofctl does for this field; a mask that it forbids is an error. */
export function parseValue(row: FieldRow, piece: Piece, numbers: NamedNumbers): TextValue {
  const { value, mask } = readValue(row, piece, numbers);
  const typed = typeof row.ones === "bigint" ? value : Number(value);
  if (mask === undefined || (mask === BigInt(row.ones) && !row.mapped)) return { value: typed };
  return { value: typed, mask: typeof row.ones === "bigint" ? mask : Number(mask) };
}

interface Parsed {
  readonly value: bigint;
  readonly mask?: bigint | undefined;
}

function readValue(row: FieldRow, piece: Piece, numbers: NamedNumbers): Parsed {
  if (piece.text === "*") return { value: 0n, mask: 0n };
  const [first, second] = piece.split("/") ?? [piece, undefined];
  const { format = "decimal" } = row.field;
  switch (format) {
    case "ethernet":
      return { value: BigInt(parseMac(first)), mask: second && BigInt(parseMac(second)) };
    case "ipv4":
      return { value: BigInt(parseIpv4(first)), mask: second && parsePrefix(second, 32, (p) => BigInt(parseIpv4(p))) };
    case "ipv6":
      return { value: parseIpv6(first), mask: second && parsePrefix(second, 128, parseIpv6) };
    case "ct_state":
      return parseFieldFlags(row, piece, CT_STATE_FLAGS);
    case "tcp_flags":
      return parseFieldFlags(row, piece, TCP_FLAGS);
    case "tun_flags":
      return parseFieldFlags(row, piece, TUN_FLAGS);
    case "frag":
      return parseFragment(piece);
    case "packet_type":
      return { value: BigInt(parsePacketType(piece)) };
    case "port": {
      if (second !== undefined)
        return {
          value: parseBigInt(first, row.field.bits, row.name),
          mask: parseBigInt(second, row.field.bits, row.name),
        };
      const port = parsePort(piece, numbers);
      return { value: BigInt(row.bytes === 2 && port > 0xffff ? port - 0xffff0000 : port) };
    }
    case "decimal":
    case "hexadecimal": {
      const bits = textBits(row);
      return { value: parseBigInt(first, bits, row.name), mask: second && parseBigInt(second, bits, row.name) };
    }
  }
}

function parseFieldFlags(row: FieldRow, piece: Piece, names: FlagNames): Parsed {
  const { value, mask } = parseFlags(piece, names, row.name);
  return { value: BigInt(value), mask: BigInt(mask) };
}

function parseFragment(piece: Piece): Parsed {
  const known = FRAGMENTS.find((one) => one.name === piece.text.toLowerCase());
  if (known === undefined) piece.fail("bad-value", `"${piece.text}" is none of yes, no, first, later, not_later`);
  return { value: BigInt(known.value), mask: BigInt(known.mask) };
}

/** A mask as a number of leading ones, or as an address. */
function parsePrefix(piece: Piece, bits: number, address: (piece: Piece) => bigint): bigint {
  if (!/^\d+$/.test(piece.text)) return address(piece);
  const length = Number(piece.text);
  if (length > bits) piece.fail("out-of-range", `a prefix of ${length} bits`);
  return prefixMask(length, bits);
}

/** `(namespace,type)` */
export function parsePacketType(piece: Piece): number {
  const found = /^\((\w+),(\w+)\)$/.exec(piece.text);
  if (found === null) piece.fail("bad-value", `"${piece.text}" is not (namespace,type)`);
  const [, space = "", type = ""] = found;
  const at = piece.text.indexOf(",");
  const namespace = parseBigInt(piece.slice(1, 1 + space.length), 16, "namespace");
  return Number((namespace << 16n) | parseBigInt(piece.slice(at + 1, at + 1 + type.length), 16, "type"));
}
