import { PortNumber } from "../numbers.ts";
import type { Piece } from "./piece.ts";
import { parseNumber } from "./number.ts";

/** How tables and ports are called, as `ovs-ofctl --names` prints them. What has no name is printed as a number. */
export interface Names {
  tableName?(table: number): string | undefined;
  portName?(port: number): string | undefined;
}

/** The other way round, to read texts with names. */
export interface NamedNumbers {
  tableNumber?(name: string): number | undefined;
  portNumber?(name: string): number | undefined;
}

const RESERVED: readonly (readonly [number, string])[] = [
  [PortNumber.unset, "UNSET"],
  [PortNumber.inPort, "IN_PORT"],
  [PortNumber.table, "TABLE"],
  [PortNumber.normal, "NORMAL"],
  [PortNumber.flood, "FLOOD"],
  [PortNumber.all, "ALL"],
  [PortNumber.controller, "CONTROLLER"],
  [PortNumber.local, "LOCAL"],
  [PortNumber.any, "ANY"],
];
const reservedNames = new Map<number, string>(RESERVED);
const reservedPorts = new Map<string, number>([
  ...RESERVED.map(([port, name]) => [name, port] as const),
  ["NONE", PortNumber.any],
]);

/** A name that is more than letters and digits stands in quotes, as in JSON. */
function quote(name: string): string {
  return /^[A-Za-z][A-Za-z0-9]*$/.test(name) ? name : JSON.stringify(name);
}

export function printPort(port: number, names: Names): string {
  const reserved = reservedNames.get(port);
  if (reserved !== undefined) return reserved;
  const name = names.portName?.(port);
  return name === undefined ? String(port) : quote(name);
}

export function printTable(table: number, names: Names): string {
  const name = names.tableName?.(table);
  return name === undefined ? String(table) : quote(name);
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch (error) {
    // Not a JSON string: then the quotes are part of a name, which nobody will know.
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** The number of a reserved port by name, in any case. */
export function reservedPort(name: string): number | undefined {
  return reservedPorts.get(name.toUpperCase());
}

export function parsePort(piece: Piece, numbers: NamedNumbers): number {
  if (/^\d+$/.test(piece.text)) {
    const port = parseNumber(piece, 32, "port");
    // The 16-bit spelling of a reserved port.
    return port >= 0xff00 && port <= 0xffff ? port + 0xffff0000 : port;
  }
  const port = reservedPort(piece.text) ?? numbers.portNumber?.(unquote(piece.text));
  if (port === undefined) piece.fail("unknown-name", `no port "${piece.text}"`);
  return port;
}

export function parseTable(piece: Piece, numbers: NamedNumbers): number {
  if (/^\d/.test(piece.text)) return parseNumber(piece, 8, "table");
  const table = numbers.tableNumber?.(unquote(piece.text));
  if (table === undefined) piece.fail("unknown-name", `no table "${piece.text}"`);
  return table;
}
