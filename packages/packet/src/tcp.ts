import {
  bits,
  EncodeError,
  list,
  type Reader,
  struct,
  tlvs,
  u16,
  u32,
  u8,
  type ValueOf,
  type Writer,
} from "@dragonflow/wire";
import { type Addresses, checksum, pseudoHeader } from "./checksum.ts";
import { IpProtocol } from "./ipv4.ts";

/** Options, one row per kind: RFC 9293 section 3.2, RFC 7323, RFC 2018. Others are kept as `other`. */
const options = tlvs(
  { typeBytes: 1, lengthBytes: 1, lengthCoversHeader: true, bare: [1], end: 0 },
  {
    nop: { type: 1, value: struct({}) },
    mss: { type: 2, value: struct({ mssBytes: u16 }) },
    "window-scale": { type: 3, value: struct({ shift: u8 }) },
    "sack-permitted": { type: 4, value: struct({}) },
    sack: { type: 5, value: struct({ blocks: list(struct({ left: u32, right: u32 })) }) },
    timestamps: { type: 8, value: struct({ value: u32, echoReply: u32 }) },
  },
);
export type TcpOption = ValueOf<typeof options>[number];

/** `dataOffset:4 | reserved:3 | AE CWR ECE URG ACK PSH RST SYN FIN` (RFC 9293 section 3.1; AE RFC 9768). */
const control = bits(16, {
  headerWords: 4,
  reserved: 3,
  ae: "flag",
  cwr: "flag",
  ece: "flag",
  urg: "flag",
  ack: "flag",
  psh: "flag",
  rst: "flag",
  syn: "flag",
  fin: "flag",
});
export type TcpFlags = Omit<ValueOf<typeof control>, "headerWords">;

/** A TCP header (RFC 9293 section 3.1). Data offset and checksum are computed on encode and checked on decode. */
export interface Tcp {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgement: number;
  flags: TcpFlags;
  /** As on the wire: not scaled. */
  windowBytes: number;
  urgentPointer: number;
  options: TcpOption[];
}
/** To encode: zeros and no flags unless given. */
export type TcpFields = Pick<Tcp, "sourcePort" | "destinationPort"> &
  Partial<Omit<Tcp, "flags">> & { flags?: Partial<TcpFlags> };

const NO_FLAGS: TcpFlags = {
  ae: false,
  cwr: false,
  ece: false,
  urg: false,
  ack: false,
  psh: false,
  rst: false,
  syn: false,
  fin: false,
};

/**
 * Reads a segment to the end of the reader.
 * @param addresses of the IP header, which the checksum covers; `undefined` to take it unchecked.
 * @throws {DecodeError} `checksum`, `bad-length`, `truncated`.
 */
export function decodeTcp(r: Reader, addresses?: Addresses): { header: Tcp; payload: Uint8Array } {
  const start = r.offset;
  const sourcePort = r.u16("source port");
  const destinationPort = r.u16("destination port");
  const sequence = r.u32("sequence number");
  const acknowledgement = r.u32("acknowledgement number");
  const { headerWords, ...flags } = control.read(r);
  const windowBytes = r.u16("window");
  r.skip(2, "checksum");
  const urgentPointer = r.u16("urgent pointer");
  if (headerWords < 5) r.fail(`a TCP header of ${headerWords * 4} bytes`, "bad-length");
  const optionBytes = r.sub(headerWords * 4 - 20, "options");
  const payload = r.rest();
  if (addresses !== undefined) {
    const segment = r.since(start);
    if (checksum(segment, pseudoHeader(addresses, IpProtocol.tcp, segment.length)) !== 0) {
      r.fail("TCP segment", "checksum");
    }
  }
  const header = {
    sourcePort,
    destinationPort,
    sequence,
    acknowledgement,
    flags,
    windowBytes,
    urgentPointer,
    options: options.read(optionBytes),
  };
  return { header, payload };
}

/**
 * Writes a segment; computes data offset and checksum.
 * @throws {EncodeError} `out-of-range`, `too-long` (more than 40 bytes of options).
 */
export function encodeTcp(w: Writer, header: TcpFields, addresses: Addresses, payload: Uint8Array): void {
  const { sequence = 0, acknowledgement = 0, flags = {}, windowBytes = 0, urgentPointer = 0 } = header;
  const start = w.length;
  w.u16(header.sourcePort, "sourcePort").u16(header.destinationPort, "destinationPort");
  w.u32(sequence, "sequence").u32(acknowledgement, "acknowledgement");
  control.write(w, { ...NO_FLAGS, ...flags, headerWords: 0 }, "flags");
  w.u16(windowBytes, "windowBytes").u16(0).u16(urgentPointer, "urgentPointer");
  options.write(w, header.options ?? [], "options");
  w.align(4, start);
  const headerBytes = w.length - start;
  if (headerBytes > 60) throw new EncodeError("too-long", "options", `${headerBytes - 20} bytes, 40 at most`);
  w.setU8(start + 12, ((headerBytes / 4) << 4) | (flags.ae ? 1 : 0));
  w.bytes(payload);
  w.setU16(start + 16, checksum(w.view(start), pseudoHeader(addresses, IpProtocol.tcp, w.length - start)));
}
