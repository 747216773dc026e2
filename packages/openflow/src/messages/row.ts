import type { Codec, Reader, Writer } from "@dragonflow/wire";
import { Experimenter } from "../numbers.ts";

/** Types of the messages that carry others (OFPT_*). */
export const EXPERIMENTER_MESSAGE = 4;
export const MULTIPART_REQUEST = 18;
export const MULTIPART_REPLY = 19;

/**
 * One kind of message: its name, where it stands on the wire, and its body. `N` is the `type` of the message, `T` its
 * other members, `R` the name of the message that answers it (`never` where none does: it is acknowledged by a barrier,
 * or not at all).
 *
 * Names are the constants of OpenFlow 1.5 and of Nicira's extensions, in lower case and without prefix: OFPT_FLOW_MOD
 * is `flow_mod`, OFPMP_PORT_DESC is `port_desc_request` and `port_desc_reply`, NXT_PACKET_IN2 is `packet_in2`.
 */
export interface MessageRow<N extends string = string, T extends object = object, R extends string = string> {
  readonly name: N;
  /** The type in the OpenFlow header. */
  readonly type: number;
  /** Multiparts: which one (OFPMP_*). */
  readonly part?: number;
  /** Experimenter messages: whose, and which one. */
  readonly experimenter?: { readonly id: number; readonly subtype: number };
  /**
   * Multiparts whose body is a list: one entry. The message then has the member `entries`, and may come in several
   * parts.
   */
  readonly entry?: Codec<unknown>;
  readonly reply?: R;
  /** Another way to write a message that is read as what it is. */
  readonly isWrittenOnly?: true;
  /** The body, behind all headers. `xid` is that of the message: some bodies hold a message that must have the same. */
  read(r: Reader, xid: number): T;
  write(w: Writer, body: T, xid: number): void;
}

/** The message of a row. */
export type MessageOf<R> = R extends MessageRow<infer N, infer T> ? Flat<{ readonly type: N } & T> : never;
type Flat<T> = { readonly [K in keyof T]: T[K] };

/** What a multipart with a list carries. */
export interface Entries<E> {
  readonly entries: readonly E[];
  /** Set on each part but the last. */
  readonly more?: true;
}

interface Body<T> {
  read(r: Reader): T;
  write(w: Writer, body: T): void;
}
function body<T>(codec: Codec<T>, name: string): Body<T> {
  return { read: (r) => codec.read(r), write: (w, value) => codec.write(w, value, name) };
}

/** A message of the standard. */
export function standard<const N extends string, T extends object, const R extends string = never>(
  name: N,
  type: number,
  codec: Codec<T>,
  reply?: R,
): MessageRow<N, T, R> {
  return { name, type, ...(reply === undefined ? {} : { reply }), ...body(codec, name) };
}

/** A message of Nicira's extensions (NXT_*). */
export function nicira<const N extends string, T extends object, const R extends string = never>(
  name: N,
  subtype: number,
  codec: Codec<T>,
  reply?: R,
): MessageRow<N, T, R> {
  const experimenter = { id: Experimenter.nicira, subtype };
  return { ...standard(name, EXPERIMENTER_MESSAGE, codec, reply), experimenter };
}

/** A multipart request with one body. */
export function request<const N extends string, T extends object, const R extends string>(
  name: N,
  part: number,
  codec: Codec<T>,
  reply: R,
): MessageRow<N, T, R> {
  return { ...standard(name, MULTIPART_REQUEST, codec, reply), part };
}
/** A multipart reply with one body. */
export function reply<const N extends string, T extends object>(
  name: N,
  part: number,
  codec: Codec<T>,
): MessageRow<N, T, never> {
  return { ...standard(name, MULTIPART_REPLY, codec), part };
}
/** A multipart request that is a list. */
export function requestList<const N extends string, E, const R extends string>(
  name: N,
  part: number,
  entry: Codec<E>,
  replyName: R,
): MessageRow<N, Entries<E>, R> {
  return { ...request(name, part, entries(entry), replyName), entry };
}
/** A multipart reply that is a list. */
export function replyList<const N extends string, E>(
  name: N,
  part: number,
  entry: Codec<E>,
): MessageRow<N, Entries<E>, never> {
  return { ...reply(name, part, entries(entry)), entry };
}

function entries<E>(entry: Codec<E>): Codec<Entries<E>> {
  return {
    read(r) {
      const items: E[] = [];
      while (!r.done) items.push(entry.read(r));
      return { entries: items };
    },
    write(w, value) {
      for (const item of value.entries) entry.write(w, item, "entries");
    },
  };
}
