import { act, type Step } from "./steps.ts";

/**
 * A packet that a flow sent to the controller. `inPort` is the local port (OpenFlow number) that it came in by.
 */
export interface PuntedPacket {
  readonly bytes: Uint8Array;
  readonly inPort: number;
}

/** A packet to send: out at a port of the switch, as it is. */
export interface Reply {
  readonly bytes: Uint8Array;
  readonly outPort: number;
}

/**
 * Answers packets. Pure: it sees the row that its app declared for the subject (see `response()`), and the packet; it never writes flows.
 * Throwing a DecodeError counts the packet as undecodable, and drops it.
 */
export interface Responder {
  readonly name: string;
  /** Travels in the userdata of the flow's controller action: one byte, unique among the responders. */
  readonly number: number;
  readonly respond: (row: object, packet: PuntedPacket) => readonly Reply[];
  /** Sent without being asked, every so many seconds, for each row (router advertisements). */
  readonly periodic?: { readonly everySeconds: number; readonly announce: (row: object) => readonly Reply[] };
}

/** A responder over rows of one type; `is` keeps rows of other apps out. */
export function defineResponder<Row extends object>(definition: {
  readonly name: string;
  readonly number: number;
  readonly is: (row: object) => row is Row;
  readonly respond: (row: Row, packet: PuntedPacket) => readonly Reply[];
  readonly periodic?: { readonly everySeconds: number; readonly announce: (row: Row) => readonly Reply[] };
}): Responder {
  const { name, number, is, respond, periodic } = definition;
  return {
    name,
    number,
    respond: (row, packet) => (is(row) ? respond(row, packet) : []),
    ...(periodic && {
      periodic: {
        everySeconds: periodic.everySeconds,
        announce: (row: object) => (is(row) ? periodic.announce(row) : []),
      },
    }),
  };
}

/** Userdata of a punt: responder number, then the subject (uint32). */
export function encodeUserdata(responder: number, subject: number): Uint8Array {
  const bytes = new Uint8Array(5);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, responder);
  view.setUint32(1, subject);
  return bytes;
}
/** Undefined where it is not one of ours. */
export function decodeUserdata(
  bytes: Uint8Array,
): { readonly responder: number; readonly subject: number } | undefined {
  if (bytes.length < 5) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { responder: view.getUint8(0), subject: view.getUint32(1) };
}

/** Controller id that the packet-in connection takes, so that no other connection of the bridge gets these packets. */
export const PACKET_IN_CONTROLLER_ID = 0xdf;

/** Sends the packet to the responder, for the subject whose row it declared. */
export function punt(responder: Pick<Responder, "number">, subject: number): Step {
  return act({
    type: "controller",
    controller: PACKET_IN_CONTROLLER_ID,
    userdata: encodeUserdata(responder.number, subject),
  });
}
