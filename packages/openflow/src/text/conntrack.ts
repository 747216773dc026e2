import type { ConnTrack, Nat, NatAddresses } from "../actions/conntrack-types.ts";
import { nestedText } from "../actions/nested.ts";
import type { Action } from "../actions/table.ts";
import type { SubField } from "../fields/subfield.ts";
import { type ActionText, call, readArguments, required, type TextContext } from "./action-text.ts";
import { parseIpv4, parseIpv6, printIpv4, printIpv6 } from "./address.ts";
import { parseTable, printTable } from "./names.ts";
import { parseNumber } from "./number.ts";
import { type Piece, splitArguments } from "./piece.ts";
import { isSubField, parseSubField, printSubField } from "./sub-field.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const FTP = 21;
const TFTP = 69;

function printAlg(alg: number): string {
  return alg === FTP ? "ftp" : alg === TFTP ? "tftp" : String(alg);
}

function parseAlg(piece: Piece): number {
  if (piece.text === "ftp") return FTP;
  if (piece.text === "tftp") return TFTP;
  piece.fail("bad-value", `"${piece.text}" is none of ftp, tftp`);
}

function printRange<T>(first: T, last: T | undefined, print: (value: T) => string): string {
  return last === undefined || last === first ? print(first) : `${print(first)}-${print(last)}`;
}

function printAddresses(addresses: NatAddresses, withPorts: boolean): string {
  if (addresses.version === 4) return printRange(addresses.first, addresses.last, printIpv4);
  return printRange(addresses.first, addresses.last, (a) => (withPorts ? `[${printIpv6(a)}]` : printIpv6(a)));
}

function printNat({ translate, addresses, ports, persistent, select }: Nat): string {
  if (translate === undefined) return "nat";
  if (addresses === undefined) return `nat(${translate})`;
  const range = printAddresses(addresses, ports !== undefined);
  const behind = ports === undefined ? "" : `:${printRange(ports.first, ports.last, String)}`;
  return call("nat", [`${translate}=${range}${behind}`, persistent && "persistent", select]);
}

/** `a`, `a-b`, each with `:port` or `:port-port` behind; an IPv6 address with a port stands in brackets. */
function parseRange(piece: Piece, nat: Mutable<Nat>): void {
  const found =
    /^(\[[^\]]+\](?:-\[[^\]]+\])?|[\d.]+(?:-[\d.]+)?|[^-[\]]*:[^-[\]]*(?:-[^-[\]]+)?)(?::(\d+)(?:-(\d+))?)?$/.exec(
      piece.text,
    );
  if (found === null) piece.fail("bad-value", `"${piece.text}" is not a range of addresses`);
  const [, range = "", first, last] = found;
  const [low, high] = piece.slice(0, range.length).split("-") ?? [piece.slice(0, range.length)];
  if (/^\d+\.\d+/.test(range)) {
    nat.addresses = { version: 4, first: parseIpv4(low), ...(high && { last: parseIpv4(high) }) };
  } else {
    nat.addresses = { version: 6, first: parseIpv6(unbracket(low)), ...(high && { last: parseIpv6(unbracket(high)) }) };
  }
  if (first !== undefined) nat.ports = { first: Number(first), ...(last !== undefined && { last: Number(last) }) };
}

function unbracket(piece: Piece): Piece {
  return piece.text.startsWith("[") ? piece.slice(1, piece.text.length - 1) : piece;
}

function parseNat(list: Piece): Nat {
  const nat: Mutable<Nat> = {};
  const translate = (how: "src" | "dst", range: Piece): void => {
    if (nat.translate !== undefined) range.fail("conflict", "both src and dst");
    nat.translate = how;
    if (!range.empty) parseRange(range, nat);
  };
  readArguments(list, "nat", {
    src: ({ value }) => translate("src", value),
    dst: ({ value }) => translate("dst", value),
    persistent: () => (nat.persistent = true),
    hash: () => (nat.select = "hash"),
    random: () => (nat.select = "random"),
  });
  return nat;
}

function parseZone(piece: Piece): number | SubField {
  return isSubField(piece) ? parseSubField(piece) : parseNumber(piece, 16, "zone");
}

/** Where nat does not come first, ovs-ofctl prints it among the others. */
function parseExec(list: Piece, ct: Mutable<ConnTrack>, context: TextContext): void {
  const exec: Action[] = [];
  for (const argument of splitArguments(list)) {
    if (argument.key.text === "nat") ct.nat = parseNat(argument.value);
    else exec.push(...nestedText.parseOne(argument, context));
  }
  if (exec.length > 0) ct.exec = exec;
}

function parseCt(list: Piece, context: TextContext): ConnTrack {
  const ct: Mutable<ConnTrack> = {};
  readArguments(list, "ct", {
    commit: () => (ct.commit = true),
    force: () => (ct.force = true),
    table: ({ key, value }) => (ct.table = parseTable(required(key, value), context.numbers)),
    zone({ key, value }) {
      const zone = parseZone(required(key, value));
      if (zone !== 0) ct.zone = zone;
    },
    alg: ({ value }) => (ct.alg = parseAlg(value)),
    nat: ({ value }) => (ct.nat = parseNat(value)),
    exec: ({ value }) => parseExec(value, ct, context),
  });
  return ct;
}

export const ctText: ActionText<ConnTrack> = {
  print({ commit, force, table, zone, alg, nat, exec }, names) {
    return call("ct", [
      commit && "commit",
      force && "force",
      table !== undefined && `table=${printTable(table, names)}`,
      zone !== undefined && zone !== 0 && `zone=${typeof zone === "number" ? zone : printSubField(zone)}`,
      nat && printNat(nat),
      exec !== undefined && exec.length > 0 && `exec(${nestedText.print(exec, names)})`,
      alg !== undefined && alg !== 0 && `alg=${printAlg(alg)}`,
    ]);
  },
  keywords: { ct: ({ value }, context) => parseCt(value, context) },
};
