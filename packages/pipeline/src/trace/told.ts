/** What `ofproto/trace` of a real switch can be told of a connection, and what it makes of that: so that both can be asked the same. */
import { isFieldName, type Match, printMatch } from "@dragonflow/openflow";
import { CT_STATE } from "../ct-state.ts";
import { type Connection, tracking } from "./conntrack.ts";
import { extract } from "./extract.ts";
import { FieldSet, type PacketFields } from "./fields.ts";
import type { Conntrack } from "./trace.ts";

/** How often a trace may come back from connection tracking: a copy for each port of a flood does. */
const RESUMPTIONS = 20;

/**
 * What `ofproto/trace` is told so that connection tracking says the same of the packet, in every zone, as {@link tracking} in the tracer. The packet
 * carries it from the start, because that is the only way to tell of which protocol and ports the connection is.
 * @returns further parts of the flow; options; and the fields that the packet has from the start.
 */
export function connectionArguments(
  frame: Uint8Array,
  connection: Connection,
): { readonly flow: string; readonly options: readonly string[]; readonly fields: PacketFields } {
  const packet = extract(frame).fields;
  const family = packet.has("ipv4") ? "ip" : packet.has("ipv6") ? "ipv6" : undefined;
  if (family === undefined) return { flow: "", options: [], fields: {} };
  const known = new FieldSet(tracking(connection)({ type: "ct", zone: 0 }, packet.toObject()));
  const flags = Object.entries(CT_STATE).flatMap(([name, bit]) =>
    (known.number("ct_state") & bit) === 0 ? [] : [name],
  );
  const tuple = known.has("ct") ? (["ct_nw_proto", "ct_tp_src", "ct_tp_dst"] as const) : [];
  const fields = Object.fromEntries(
    (["ct_state", "ct_mark", ...tuple] as const).map((name) => [name, known.get(name)] as const),
  );
  return {
    flow: [
      `,${family},ct_state=${flags.join("|")},ct_mark=${known.get("ct_mark")}`,
      ...tuple.map((name) => `${name}=${known.get(name)}`),
    ].join(),
    fields,
    options: Array.from({ length: RESUMPTIONS }, () => ["--ct-next", flags.join(",")]).flat(),
  };
}

/**
 * Connection tracking as `ofproto/trace` follows it: it says which state the packet has, but mark, protocol and ports are those that the packet
 * brings along. Behind a commit, or where they were cleared, there are none, also in the next zone.
 */
export function carried(connection: Connection): Conntrack {
  return (action, packet) => {
    const { ct_state = 0 } = tracking(connection)(action, packet);
    return { ...packet, ct_state, ct_zone: action.zone };
  };
}

/**
 * A frame, and what it carries beside, as a flow of `ofproto/trace`. Asked about a frame itself, Open vSwitch 3.1 does what the flows say but for output:
 * it commits connections, and sends packets to controllers; asked about a flow it does nothing.
 */
export function flowOf(frame: Uint8Array, beside: PacketFields): string {
  const packet = extract(frame).fields;
  const own = Object.entries(packet.toObject()).filter(([name]) => isFieldName(name) && packet.hasField(name));
  const match: Match = Object.fromEntries(
    [...own, ...Object.entries(beside)].flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );
  // What dump-flows prints is not all taken back: some ports have to say whose they are.
  const transport = (["tcp", "udp", "sctp"] as const).find((name) => packet.has(name)) ?? "tp";
  const text = printMatch(match).replaceAll(/\btp_(src|dst)=/g, `${transport}_$1=`);
  return packet.has("ipv6") ? text.replaceAll(/\bicmp_(type|code)=/g, "icmpv6_$1=") : text;
}
