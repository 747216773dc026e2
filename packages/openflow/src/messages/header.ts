import { EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { OPENFLOW_15 } from "../numbers.ts";
import type { MessageOf, MessageRow } from "./row.ts";

/** `version:8 | type:8 | length:16 | xid:32`, before every message. OpenFlow 1.5.1 section 7.1.1. */
export const HEADER_BYTES = 8;
export const MAX_MESSAGE_BYTES = 0xffff;

/** Writes all headers of a message, with the length left open. Returns where the message starts. */
export function startMessage(w: Writer, row: MessageRow, xid: number): number {
  const start = w.length;
  w.u8(OPENFLOW_15).u8(row.type).u16(0).u32(xid, "xid");
  if (row.part !== undefined) w.u16(row.part).zeros(6);
  if (row.experimenter !== undefined) w.u32(row.experimenter.id).u32(row.experimenter.subtype);
  return start;
}

/** Fills in the length of the message that started at `start`. */
export function endMessage(w: Writer, start: number): void {
  const length = w.length - start;
  if (length > MAX_MESSAGE_BYTES) throw new EncodeError("too-long", "message", `${length} bytes, 65535 fit`);
  w.setU16(start + 2, length);
}

/** One message inside another, of one of `rows`: it has the xid of the outer one. */
export function nested<const Row extends MessageRow>(
  rows: readonly Row[],
): {
  read(r: Reader, xid: number): MessageOf<Row>;
  write(w: Writer, message: MessageOf<Row>, xid: number): void;
};
export function nested(rows: readonly MessageRow[]): {
  read(r: Reader, xid: number): { readonly type: string };
  write(w: Writer, message: { readonly type: string }, xid: number): void;
} {
  return {
    read(r, xid) {
      const version = r.u8("version");
      const type = r.u8("message type");
      const length = r.u16("message length");
      const innerXid = r.u32("xid");
      if (version !== OPENFLOW_15) r.fail(`version ${version} inside`, "unsupported");
      if (length < HEADER_BYTES) r.fail(`a message of ${length} bytes inside`, "bad-length");
      if (innerXid !== xid) r.fail(`xid ${innerXid} inside, ${xid} outside`);
      const row = rows.find((one) => one.type === type) ?? r.fail(`a message of type ${type} inside`, "unsupported");
      const body = r.sub(length - HEADER_BYTES, "message");
      const message = { type: row.name, ...row.read(body, xid) };
      if (!body.done) body.fail(`${body.remaining} bytes left over in ${row.name}`, "bad-length");
      return message;
    },
    write(w, message, xid) {
      const row = rows.find((one) => one.name === message.type);
      if (row === undefined) throw new EncodeError("unsupported", "message", `${message.type} cannot stand inside`);
      const start = startMessage(w, row, xid);
      row.write(w, message, xid);
      endMessage(w, start);
    },
  };
}
