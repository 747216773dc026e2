import {
  bits,
  DecodeError,
  EncodeError,
  oneOf,
  padding,
  Reader,
  readTlv,
  struct,
  u16,
  u32,
  u8,
  Writer,
} from "@dragonflow/wire";
import { ip4, type Ipv4Address, type Mac, mac48 } from "./addresses.ts";
import { type Dhcp4Options, dhcp4RowByCode, dhcp4RowByName } from "./dhcp4-options.ts";
import { latin1, text } from "./domain-name.ts";

/** UDP ports (RFC 2131 section 4.1). */
export const DHCP4_PORT = { server: 67, client: 68 } as const;

/** A DHCPv4 message (RFC 2131 section 2), with the names of the RFC; Ethernet hardware addresses only. */
export interface Dhcp4 {
  op: "request" | "reply";
  hops: number;
  xid: number;
  elapsedSeconds: number;
  /** The client cannot take a unicast before it is configured (RFC 2131 section 4.1). */
  broadcast: boolean;
  /** The client's address, where it has one that it uses. */
  ciaddr: Ipv4Address;
  /** The address given to the client. */
  yiaddr: Ipv4Address;
  /** The next server to boot from. */
  siaddr: Ipv4Address;
  /** The relay. */
  giaddr: Ipv4Address;
  chaddr: Mac;
  /** Server name, up to 63 characters. */
  sname: string;
  /** Boot file, up to 127 characters. */
  file: string;
  options: Dhcp4Options;
}
/** To encode: zeros and empty text unless given. */
export type Dhcp4Fields = Pick<Dhcp4, "op" | "xid" | "chaddr" | "options"> & Partial<Dhcp4>;

const COOKIE = 0x63825363;
const SNAME_BYTES = 64;
const FILE_BYTES = 128;
/** The least that a BOOTP implementation takes (RFC 951 section 3). */
const MINIMUM_BYTES = 300;

const header = struct({
  op: oneOf(u8, { request: 1, reply: 2 }),
  hardwareType: u8,
  hardwareBytes: u8,
  hops: u8,
  xid: u32,
  elapsedSeconds: u16,
  flags: bits(16, { broadcast: "flag", reserved: 15 }),
  ciaddr: ip4,
  yiaddr: ip4,
  siaddr: ip4,
  giaddr: ip4,
  chaddr: mac48,
  reserved: padding(10),
});

/** `code:8 | length:8 | value`, pad and end. */
const layout = { typeBytes: 1, lengthBytes: 1, bare: [0], end: 255 } as const;
const PAD = 0;
const OVERLOAD = 52;

/**
 * Takes a DHCPv4 message apart: the payload of a UDP datagram. Options without a row are kept in `options.other`;
 * those given in several pieces are joined (RFC 3396); those in `file` and `sname` (option 52) are read from there.
 * @throws {DecodeError} `unsupported` (not Ethernet), `bad-value` (no DHCP cookie, an option that its RFC does not
 * allow), `bad-length`, `truncated`. In an option given in several pieces, offsets count from the start of the joined
 * value. Pure; inverse of {@link encodeDhcp4}.
 */
export function decodeDhcp4(bytes: Uint8Array): Dhcp4 {
  const r = new Reader(bytes);
  const { hardwareType, hardwareBytes, flags, ...fields } = header.read(r);
  if (hardwareType !== 1 || hardwareBytes !== 6) {
    throw new DecodeError("unsupported", 1, `hardware type ${hardwareType} with ${hardwareBytes} bytes of address`);
  }
  const sname = r.sub(SNAME_BYTES, "sname");
  const file = r.sub(FILE_BYTES, "file");
  if (r.u32("cookie") !== COOKIE) r.fail("no DHCP cookie");
  const pieces = new Map<number, Reader[]>();
  collect(r, pieces);
  const overload = pieces.get(OVERLOAD)?.[0]?.u8("option overload") ?? 0;
  if (overload > 3) r.fail(`option overload ${overload}`);
  // RFC 3396 section 5: the pieces of an option are in `options`, then in `file`, then in `sname`.
  if ((overload & 1) !== 0) collect(file, pieces);
  if ((overload & 2) !== 0) collect(sname, pieces);
  pieces.delete(OVERLOAD);
  return {
    ...fields,
    ...flags,
    sname: (overload & 2) !== 0 ? "" : untilNul(sname),
    file: (overload & 1) !== 0 ? "" : untilNul(file),
    options: decodeOptions(pieces),
  };
}

function collect(r: Reader, pieces: Map<number, Reader[]>): void {
  for (let next = readTlv(r, layout); next !== undefined; next = readTlv(r, layout)) {
    if (next.type === PAD) continue;
    const earlier = pieces.get(next.type);
    if (earlier === undefined) pieces.set(next.type, [next.value]);
    else earlier.push(next.value);
  }
}

function decodeOptions(pieces: ReadonlyMap<number, readonly Reader[]>): Dhcp4Options {
  const options: Record<string, unknown> = {};
  const other: { code: number; bytes: Uint8Array }[] = [];
  for (const [code, readers] of pieces) {
    const r = join(readers);
    const row = dhcp4RowByCode.get(code);
    if (row === undefined) {
      other.push({ code, bytes: r.rest() });
      continue;
    }
    options[row.name] = row.type.read(r);
    if (!r.done) r.fail(`${r.remaining} bytes too many in option ${code}`, "bad-length");
  }
  if (other.length > 0) options["other"] = other;
  return options as Dhcp4Options;
}

function join(readers: readonly Reader[]): Reader {
  const [only, ...more] = readers;
  if (only !== undefined && more.length === 0) return only;
  const w = new Writer();
  for (const r of readers) w.bytes(r.rest());
  return new Reader(w.slice());
}

function untilNul(r: Reader): string {
  const bytes = r.rest();
  const end = bytes.indexOf(0);
  return latin1(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * Puts a DHCPv4 message together: the payload of a UDP datagram (RFC 2131 section 2). Options go out in the order in
 * which the object has them, `other` last; values of more than 255 bytes in several pieces (RFC 3396).
 * @param limits.maximumBytes what the client takes: its option 57 (a count of IP datagram) less 28.
 * @returns at least 300 bytes, network byte order.
 * @throws {EncodeError} `out-of-range`, `too-long` (a text, or the message for the client), `bad-value`.  Pure;
 * inverse of {@link decodeDhcp4}.
 */
export function encodeDhcp4(message: Dhcp4Fields, limits: { maximumBytes?: number } = {}): Uint8Array {
  const w = new Writer(576);
  const { hops = 0, elapsedSeconds = 0, broadcast = false, ciaddr = 0, yiaddr = 0, siaddr = 0, giaddr = 0 } = message;
  header.write(
    w,
    {
      op: message.op,
      hardwareType: 1,
      hardwareBytes: 6,
      hops,
      xid: message.xid,
      elapsedSeconds,
      flags: { broadcast },
      ciaddr,
      yiaddr,
      siaddr,
      giaddr,
      chaddr: message.chaddr,
    },
    "dhcp4",
  );
  fixedText(w, message.sname ?? "", SNAME_BYTES, "sname");
  fixedText(w, message.file ?? "", FILE_BYTES, "file");
  w.u32(COOKIE);
  const { other = [], ...options } = message.options;
  const scratch = new Writer();
  for (const [name, value] of Object.entries(options)) {
    const row = dhcp4RowByName.get(name);
    if (row === undefined) throw new EncodeError("unsupported", name, "not a DHCPv4 option");
    if (value === undefined) continue;
    scratch.reset();
    row.type.write(scratch, value, name);
    writePieces(w, row.code, scratch.view());
  }
  for (const { code, bytes } of other) {
    if (code === PAD || code === OVERLOAD || code >= 255) throw new EncodeError("bad-value", "other", `option ${code}`);
    writePieces(w, code, bytes);
  }
  w.u8(layout.end);
  if (w.length < MINIMUM_BYTES) w.zeros(MINIMUM_BYTES - w.length);
  const { maximumBytes = Number.POSITIVE_INFINITY } = limits;
  if (w.length > maximumBytes)
    throw new EncodeError("too-long", "options", `${w.length} bytes, ${maximumBytes} at most`);
  return w.slice();
}

function writePieces(w: Writer, code: number, bytes: Uint8Array): void {
  let from = 0;
  do {
    const piece = bytes.subarray(from, from + 255);
    w.u8(code).u8(piece.length).bytes(piece);
    from += 255;
  } while (from < bytes.length);
}

/** NUL-terminated text in a field of fixed length. */
function fixedText(w: Writer, value: string, lengthBytes: number, field: string): void {
  if (value.length >= lengthBytes) throw new EncodeError("too-long", field, `${value.length} characters`);
  text.write(w, value, field);
  w.zeros(lengthBytes - value.length);
}
