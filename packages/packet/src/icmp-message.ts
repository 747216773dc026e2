import { type Codec, EncodeError, type Reader, type ValueOf, type Writer } from "@dragonflow/wire";
import { type Addresses, checksum, pseudoHeader } from "./checksum.ts";
import { IpProtocol } from "./ipv4.ts";

/** One kind of ICMP message: its type number, and the codec of what follows `type:8 | code:8 | checksum:16`. */
export interface IcmpRow {
  readonly type: number;
  readonly body: Codec<object>;
}
/** A message whose type has no row, byte for byte. */
export interface OtherIcmp {
  kind: "other";
  type: number;
  code: number;
  bytes: Uint8Array;
}
/** What {@link icmpCodec} reads: one object per message, told apart by `kind`. */
export type MessageOf<R extends Record<string, IcmpRow>> =
  | { [K in keyof R]: { kind: K; code: number } & ValueOf<R[K]["body"]> }[keyof R]
  | OtherIcmp;

/** Encoder and decoder of the messages that a table declares, for ICMP (RFC 792) and ICMPv6 (RFC 4443) alike. */
export interface IcmpCodec<M> {
  /**
   * Reads a message to the end of the reader.
   * @param addresses of the IP header, for the checksum of ICMPv6; `undefined` to take it unchecked.
   * @throws {DecodeError} `checksum`, `bad-length` (bytes that the row does not explain), `truncated`.
   */
  decode: (r: Reader, addresses?: Addresses) => M;
  /** Writes a message and computes its checksum. @throws {EncodeError} `out-of-range`. */
  encode: (w: Writer, message: M, addresses: Addresses) => void;
}

/** @param version 6: the checksum covers a pseudo header too (RFC 4443 section 2.3). */
export function icmpCodec<const R extends Record<string, IcmpRow>>(version: 4 | 6, rows: R): IcmpCodec<MessageOf<R>> {
  const byType = new Map(Object.entries(rows).map(([kind, row]) => [row.type, { kind, body: row.body }]));
  const byKind = new Map<string, IcmpRow>(Object.entries(rows));
  const seed = (addresses: Addresses, lengthBytes: number): number =>
    version === 4 ? 0 : pseudoHeader(addresses, IpProtocol.icmp6, lengthBytes);
  return {
    decode(r, addresses) {
      const start = r.offset;
      const type = r.u8("type");
      const code = r.u8("code");
      r.skip(2, "checksum");
      const row = byType.get(type);
      const message =
        row === undefined
          ? { kind: "other", type, code, bytes: r.rest() }
          : { kind: row.kind, code, ...row.body.read(r) };
      if (!r.done) r.fail(`${r.remaining} bytes too many in an ICMP message of type ${type}`, "bad-length");
      if (addresses !== undefined) {
        const bytes = r.since(start);
        if (checksum(bytes, seed(addresses, bytes.length)) !== 0) r.fail("ICMP message", "checksum");
      }
      return message as MessageOf<R>;
    },
    encode(w, message, addresses) {
      const start = w.length;
      const { kind, code } = message as { kind: string; code: number };
      if (isOther(message)) {
        w.u8(message.type, "type").u8(code, "code").u16(0).bytes(message.bytes);
      } else {
        const row = byKind.get(kind);
        if (row === undefined) throw new EncodeError("unsupported", "kind", `no ICMP message ${kind}`);
        w.u8(row.type).u8(code, "code").u16(0);
        row.body.write(w, message, kind);
      }
      w.setU16(start + 2, checksum(w.view(start), seed(addresses, w.length - start)));
    },
  };
}

function isOther(message: object): message is OtherIcmp {
  return "kind" in message && message.kind === "other";
}
