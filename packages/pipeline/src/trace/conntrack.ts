import { CT_STATE } from "../ct-state.ts";
import { FieldSet, type PacketFields } from "./fields.ts";
import type { Conntrack } from "./trace.ts";

/** What connection tracking takes a packet for, in one zone. */
export interface Connection {
  /**
   * `new`: of no connection that was committed, or of one that nobody has answered yet. `established`: of one, in the direction of its first packet;
   * `reply`: in the other one. `related`: an ICMP error about a packet of one; `related-reply`: about one of its replies. `invalid`: of none.
   */
  readonly state: keyof typeof STATES;
  /** Its ct_mark. */
  readonly mark?: number;
  /** Of the first packet of the connection, where this packet does not say it: a fragment, or an error. */
  readonly original?: Transport;
}
/** Of ICMP the type and the code. */
export interface Transport {
  readonly protocol: number;
  readonly source: number;
  readonly destination: number;
}

const { new: isNew, est, rel, rpl, inv, trk } = CT_STATE;
const STATES = {
  new: trk | isNew,
  established: trk | est,
  reply: trk | est | rpl,
  related: trk | rel,
  "related-reply": trk | rel | rpl,
  invalid: trk | inv,
} as const;

export const isConnectionState = (text: string): text is Connection["state"] => Object.hasOwn(STATES, text);

/** A model of connection tracking that knows of each zone what it takes the packet for. It keeps nothing: a commit changes nothing. */
export function tracking(connection: Connection | ((zone: number) => Connection)): Conntrack {
  return ({ zone }, packet) => {
    const { state, mark = 0, original } = typeof connection === "function" ? connection(zone) : connection;
    const fields = { ...packet, ct_state: STATES[state], ct_zone: zone, ct_mark: mark };
    if (state === "invalid") return fields;
    const { protocol, source, destination } = original ?? originalOf(packet, state === "reply");
    return { ...fields, ct_nw_proto: protocol, ct_tp_src: source, ct_tp_dst: destination };
  };
}

/** Connection tracking of Open vSwitch knows ports of TCP and UDP (the userspace datapath's none of SCTP), and types of ICMP. */
function originalOf(packet: PacketFields, isReply: boolean): Transport {
  const of = new FieldSet(packet);
  const protocol = of.number("ip_proto");
  const is6 = of.has("ipv6");
  switch (protocol) {
    case 1:
      return is6 ? none(protocol) : icmp(protocol, of.number("icmpv4_type"), of.number("icmpv4_code"), isReply);
    case 58:
      return is6 ? icmp(protocol, of.number("icmpv6_type"), of.number("icmpv6_code"), isReply) : none(protocol);
    case 6:
      return ports(protocol, of.number("tcp_src"), of.number("tcp_dst"), isReply);
    case 17:
      return ports(protocol, of.number("udp_src"), of.number("udp_dst"), isReply);
    default:
      return none(protocol);
  }
}
const none = (protocol: number): Transport => ({ protocol, source: 0, destination: 0 });
const ports = (protocol: number, source: number, destination: number, isReply: boolean): Transport =>
  isReply ? { protocol, source: destination, destination: source } : { protocol, source, destination };
/** Answers and what they answer (RFC 792, RFC 4443): echo. */
const QUESTIONS: ReadonlyMap<number, number> = new Map([
  [0, 8],
  [129, 128],
]);
const icmp = (protocol: number, type: number, code: number, isReply: boolean): Transport => ({
  protocol,
  source: isReply ? (QUESTIONS.get(type) ?? type) : type,
  destination: code,
});
