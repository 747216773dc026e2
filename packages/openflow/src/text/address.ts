import type { Piece } from "./piece.ts";

/** `02:00:00:00:00:2a` */
export function printMac(mac: number): string {
  const digits = mac.toString(16).padStart(12, "0");
  return digits.replaceAll(/..(?=.)/g, "$&:");
}

export function parseMac(piece: Piece): number {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(piece.text)) {
    piece.fail("bad-value", `"${piece.text}" is not an Ethernet address`);
  }
  return piece.text.split(":").reduce((mac, byte) => mac * 256 + Number.parseInt(byte, 16), 0);
}

export function printIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

export function parseIpv4(piece: Piece): number {
  const bytes = piece.text.split(".");
  if (bytes.length !== 4 || !bytes.every((byte) => /^\d{1,3}$/.test(byte) && Number(byte) < 256)) {
    piece.fail("bad-value", `"${piece.text}" is not an IPv4 address`);
  }
  return bytes.reduce((address, byte) => address * 256 + Number(byte), 0);
}

/** As the C library prints it: the first longest run of zero words as `::`, an embedded IPv4 address in decimal. */
export function printIpv6(address: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => Number((address >> BigInt(112 - 16 * i)) & 0xffffn));
  const { start, length } = longestZeros(words);
  const embedsIpv4 = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  const head = embedsIpv4 ? words.slice(0, 6) : words;
  const tail = embedsIpv4 ? [printIpv4(Number(address & 0xffffffffn))] : [];
  const parts = [...head.map((word) => word.toString(16)), ...tail];
  if (length < 2) return parts.join(":");
  return `${parts.slice(0, start).join(":")}::${parts.slice(start + length).join(":")}`;
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  let start = 0;
  for (let i = 0; i <= words.length; i++) {
    if (words[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}

export function parseIpv6(piece: Piece): bigint {
  const words = ipv6Words(piece.text);
  if (words === undefined) piece.fail("bad-value", `"${piece.text}" is not an IPv6 address`);
  return words.reduce((address, word) => (address << 16n) | BigInt(word), 0n);
}

function ipv6Words(text: string): readonly number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(wordsOf);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? head : undefined;
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}

function wordsOf(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const words: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const bytes = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(part)?.slice(1).map(Number);
    if (bytes !== undefined && i === parts.length - 1 && bytes.every((byte) => byte < 256)) {
      const [a = 0, b = 0, c = 0, d = 0] = bytes;
      words.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      words.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return words;
}

/** How many bits a mask of leading ones has, or undefined for any other mask. */
export function prefixLength(mask: bigint, bits: number): number | undefined {
  const inverse = BigInt.asUintN(bits, ~mask);
  if ((inverse & (inverse + 1n)) !== 0n) return undefined;
  return bits - (inverse === 0n ? 0 : inverse.toString(2).length);
}

export function prefixMask(length: number, bits: number): bigint {
  return ((1n << BigInt(length)) - 1n) << BigInt(bits - length);
}
