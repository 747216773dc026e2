/**
 * All messages, and how one is written and read. A message is a row exported by one of the modules; the union of their
 * types follows.
 */
import { DecodeError, EncodeError, Reader, type Writer } from "@dragonflow/wire";
import { Experimenter, OPENFLOW_15 } from "../numbers.ts";
import * as async from "./async.ts";
import * as bundle from "./bundle.ts";
import * as conntrack from "./conntrack.ts";
import * as error from "./error.ts";
import * as flowMod from "./flow-mod.ts";
import * as flowMonitor from "./flow-monitor.ts";
import * as flowStats from "./flow-stats.ts";
import * as group from "./group.ts";
import { HEADER_BYTES, MAX_MESSAGE_BYTES, endMessage, startMessage } from "./header.ts";
import * as meter from "./meter.ts";
import * as packet from "./packet.ts";
import * as port from "./port.ts";
import * as queue from "./queue.ts";
import * as role from "./role.ts";
import {
  EXPERIMENTER_MESSAGE,
  type Entries,
  MULTIPART_REPLY,
  MULTIPART_REQUEST,
  type MessageOf,
  type MessageRow,
} from "./row.ts";
import * as session from "./session.ts";
import * as table from "./table.ts";
import * as tlvTable from "./tlv-table.ts";

export type { BundleFlag, Bundled } from "./bundle.ts";
export type { FlowCommand, FlowFlag, FlowMod, PackedFlowMod } from "./flow-mod.ts";
export type { FlowUpdate } from "./flow-monitor.ts";
export type { FlowDesc } from "./flow-stats.ts";
export type { Bucket } from "./group.ts";
export type { MeterBand } from "./meter.ts";
export type { Port } from "./port.ts";
export type { Duration, FlowStats } from "./stats.ts";
export type { TlvMap } from "./tlv-table.ts";

const MODULES = [
  async,
  bundle,
  conntrack,
  error,
  flowMod,
  flowMonitor,
  flowStats,
  group,
  meter,
  packet,
  port,
  queue,
  role,
  session,
  table,
  tlvTable,
] as const;

type ExportsOf<M> = M extends unknown ? M[keyof M] : never;
type Row = Extract<ExportsOf<(typeof MODULES)[number]>, MessageRow>;

/** A message that has no row: byte for byte, without its header. */
export interface UnknownMessage {
  readonly type: "unknown";
  /** The type in the header. */
  readonly code: number;
  readonly body: Uint8Array;
}

/** Any OpenFlow message, told apart by `type`. */
export type Message = MessageOf<Row> | UnknownMessage;
/** The names of all messages. */
export type MessageType = Message["type"];
/** The message of one name. */
export type MessageNamed<N extends MessageType> = Extract<Message, { readonly type: N }>;

type Replies = { [R in Row as R["name"]]: Exclude<R["reply"], undefined> };
/** The names of the messages that are answered. */
export type RequestType = { [N in keyof Replies]: [Replies[N]] extends [never] ? never : N }[keyof Replies];
/** A message that is answered. */
export type RequestMessage = MessageNamed<RequestType>;
/** The answer to a message. Multiparts are whole: all their entries, without `more`. */
export type ReplyTo<M extends RequestMessage> = MessageNamed<Replies[M["type"]] & MessageType>;

const MORE = 1;
const BY_NAME = new Map<string, MessageRow>();
const BY_TYPE = new Map<number, MessageRow>();
const BY_PART = new Map<number, MessageRow>();
const BY_SUBTYPE = new Map<number, MessageRow>();
for (const module of MODULES) {
  for (const row of Object.values<unknown>(module)) if (isRow(row)) register(row);
}

function isRow(value: unknown): value is MessageRow {
  return typeof value === "object" && value !== null && "name" in value && "type" in value && "read" in value;
}
function register(row: MessageRow): void {
  BY_NAME.set(row.name, row);
  if (row.isWrittenOnly) return;
  if (row.part !== undefined) BY_PART.set(row.type * 0x10000 + row.part, row);
  else if (row.experimenter !== undefined) BY_SUBTYPE.set(row.experimenter.subtype, row);
  else BY_TYPE.set(row.type, row);
}

/** The names of all messages that can be read, but for `unknown`. */
export const MESSAGE_TYPES: readonly string[] = [...BY_NAME.values()]
  .filter(({ isWrittenOnly }) => !isWrittenOnly)
  .map(({ name }) => name);

/** The name of the message that answers `message`; `undefined` where none does. */
export function replyType(message: Message): string | undefined {
  return BY_NAME.get(message.type)?.reply;
}

const REPLIES = new Set(Array.from(BY_NAME.values(), ({ reply }) => reply));

/** Whether a message answers another. */
export function isReply(message: Message): boolean {
  // Bundle controls are both, under one name.
  return message.type === "bundle_control" ? message.control.endsWith("_reply") : REPLIES.has(message.type);
}

/**
 * Appends a message to the arena. A multipart whose entries do not fit 65535 bytes becomes several messages, all but
 * the last with `more`.
 * @param xid 0..2^32-1.
 * @throws {EncodeError} and then leaves the arena as it was.
 */
export function encodeMessage(w: Writer, xid: number, message: Message): void {
  const start = w.length;
  try {
    encode(w, xid, message);
  } catch (failure) {
    w.truncate(start);
    throw failure;
  }
}

function encode(w: Writer, xid: number, message: Message): void {
  if (message.type === "unknown") {
    const start = w.length;
    w.u8(OPENFLOW_15).u8(message.code, "code").u16(0).u32(xid, "xid").bytes(message.body);
    endMessage(w, start);
    return;
  }
  const row = BY_NAME.get(message.type);
  if (row === undefined) throw new EncodeError("unsupported", "type", `no message ${String(message.type)}`);
  if ("entries" in message) {
    encodeEntries(w, xid, row, message);
    return;
  }
  const start = startMessage(w, row, xid);
  row.write(w, message, xid);
  endMessage(w, start);
  // A hello says in its header the highest version that its sender speaks.
  if (message.type === "hello") w.setU8(start, Math.max(...message.versions));
}

function encodeEntries(w: Writer, xid: number, row: MessageRow, { entries, more }: Entries<unknown>): void {
  let start = startMessage(w, row, xid);
  for (const entry of entries) {
    const at = w.length;
    row.entry?.write(w, entry, "entries");
    if (w.length - start <= MAX_MESSAGE_BYTES) continue;
    const bytes = w.slice(at);
    w.truncate(at);
    endPart(w, start, true);
    start = startMessage(w, row, xid);
    w.bytes(bytes);
  }
  endPart(w, start, more === true);
}
function endPart(w: Writer, start: number, more: boolean): void {
  endMessage(w, start);
  if (more) w.setU16(start + HEADER_BYTES + 2, MORE);
}

/** A message with what its header said. */
export interface Decoded {
  readonly version: number;
  readonly xid: number;
  readonly message: Message;
}

/**
 * Reads one message. Byte strings in it are views of `bytes`, which must not be overwritten while the message is in
 * use.
 * @param bytes Exactly one message.
 * @throws {DecodeError} and nothing else: `unsupported` for another version (hello and error are read in any).
 */
export function decodeMessage(bytes: Uint8Array): Decoded {
  const r = new Reader(bytes);
  const version = r.u8("version");
  const code = r.u8("message type");
  const length = r.u16("message length");
  const xid = r.u32("xid");
  if (length !== bytes.length) r.fail(`a message of ${length} bytes in ${bytes.length}`, "bad-length");
  if (version !== OPENFLOW_15 && code !== session.hello.type && code !== error.error.type) {
    throw new DecodeError("unsupported", 0, `OpenFlow version ${version}`);
  }
  return { version, xid, message: decodeBody(r, bytes, version, xid) };
}

function decodeBody(r: Reader, bytes: Uint8Array, version: number, xid: number): Message {
  const code = bytes[1] ?? 0;
  const row = readHeaders(r, code);
  if (row === undefined) return { type: "unknown", code, body: bytes.subarray(HEADER_BYTES) };
  const more = row.part !== undefined && readMore(r, row);
  const message = { type: row.name, ...row.read(r, xid), ...(more && { more }) };
  if (!r.done) r.fail(`${r.remaining} bytes left over in ${row.name}`, "bad-length");
  // The row reads the body that its type declares: a lookup by number cannot show that to the compiler.
  const decoded = message as Message;
  // A hello without a bitmap speaks every version up to that of its header.
  if (decoded.type === "hello" && decoded.versions.length === 0) {
    return { type: "hello", versions: Array.from({ length: Math.min(version, 31) }, (_, i) => i + 1) };
  }
  return decoded;
}

/** Which row it is; the reader is then behind the numbers that say so. */
function readHeaders(r: Reader, code: number): MessageRow | undefined {
  if (code === EXPERIMENTER_MESSAGE) {
    const id = r.u32("experimenter");
    return id === Experimenter.nicira ? BY_SUBTYPE.get(r.u32("subtype")) : undefined;
  }
  if (code === MULTIPART_REQUEST || code === MULTIPART_REPLY) return BY_PART.get(code * 0x10000 + r.u16("part"));
  return BY_TYPE.get(code);
}
function readMore(r: Reader, row: MessageRow): boolean {
  const more = (r.u16("multipart flags") & MORE) !== 0;
  r.skip(4);
  if (more && row.entry === undefined) r.fail(`${row.name} comes in one part`);
  return more;
}
