import type { Piece } from "./piece.ts";

const INTEGER = /^(-?)(?:(0x[0-9a-f]+)|0([0-7]+)|(\d+))$/i;

/**
 * An unsigned integer of so many bits: decimal, hexadecimal, or octal as in C; a negative one stands for its two's
 * complement.
 */
export function parseBigInt(piece: Piece, bits: number, what: string): bigint {
  const found = INTEGER.exec(piece.text.trim());
  if (found === null) piece.fail("bad-value", `${what}: "${piece.text}" is not a number`);
  const magnitude = BigInt(found[2] ?? (found[3] !== undefined ? `0o${found[3]}` : (found[4] ?? "")));
  const value = found[1] === "-" ? BigInt.asUintN(bits, -magnitude) : magnitude;
  if (value >> BigInt(bits) !== 0n || magnitude >> BigInt(bits) !== 0n) {
    piece.fail("out-of-range", `${what}: ${piece.text} does not fit ${bits} bits`);
  }
  return value;
}

/** The same for up to 48 bits. */
export function parseNumber(piece: Piece, bits: number, what: string): number {
  return Number(parseBigInt(piece, bits, what));
}

/** `0x2a`; zero is `0x0`. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** As C's `%#x`: zero is `0`. */
export function hexOrZero(value: number | bigint): string {
  return value === 0 || value === 0n ? "0" : hex(value);
}

/** `0x002a`: so many digits at least. */
export function hexDigits(value: number | bigint, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Bytes that points separate: `00.1f`. */
export function dottedHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(".");
}

/** Pairs of hexadecimal digits, with or without points between them. */
export function parseHexBytes(piece: Piece, what: string): Uint8Array {
  const digits = piece.text.replaceAll(/[. \t]/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits))
    piece.fail("bad-value", `${what}: "${piece.text}" is not bytes`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}
