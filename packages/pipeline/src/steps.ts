import type { Action, SubField } from "@dragonflow/openflow";
import { parseIpv4, parseIpv6, parseMac } from "./addresses.ts";
import { type RegisterName, registers } from "./registers.ts";
import type { Target } from "./table.ts";

/**
 * What a flow does with a packet, as apps write it. Tables, groups and meters are named, not numbered: numbers are bound when the flow is sent.
 */
export type Step =
  | { readonly type: "do"; readonly action: Action }
  | { readonly type: "set"; readonly register: RegisterName; readonly value: number }
  | { readonly type: "goto"; readonly target: Target }
  | { readonly type: "resubmit"; readonly target: Target }
  | { readonly type: "group"; readonly group: string }
  | { readonly type: "meter"; readonly meter: string }
  | { readonly type: "zone"; readonly zone: string }
  | { readonly type: "track"; readonly target: Target };

const gotos = new WeakMap<Target, Step>();
export function goto(target: Target): Step {
  const known = gotos.get(target);
  if (known !== undefined) return known;
  const step: Step = { type: "goto", target };
  gotos.set(target, step);
  return step;
}
/** As {@link goto}, from inside a group's bucket or back to the own table: the packet comes back for the steps behind it. */
export const resubmit = (target: Target): Step => ({ type: "resubmit", target });
export const group = (name: string): Step => ({ type: "group", group: name });
/** Limits the packets of this flow; see {@link import("./desired.ts").meter}. */
export const limit = (meter: string): Step => ({ type: "meter", meter });
/** @throws {RangeError} on a value that does not fit. */
export function set(register: RegisterName, value: number): Step {
  const { bits } = registers[register];
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits)
    throw new RangeError(`register ${register}: ${value} does not fit ${bits} bits`);
  return { type: "set", register, value };
}
/** Writes the register ctZone: the zone of a port, by the port's id. One for both directions of its connections. */
export const setZone = (portId: string): Step => ({ type: "zone", zone: portId });
/**
 * Looks the packet's connection up in the zone that ctZone says; it goes on in `target` with ct_state, ct_mark and the like. The last step. Registers
 * survive. Only for IPv4 and IPv6, by the flow's match.
 */
export const track = (target: Target): Step => ({ type: "track", target });
const rememberSender: Action = {
  type: "copy_field",
  src: subfield("sourceIdentity"),
  dst: { field: "ct_label", start: 0, bits: 32 },
};
/**
 * Keeps the packet's connection in the zone that ctZone says, with the mark if there is one; the packet goes on as one that is not tracked. Without
 * a mark the sender's identity is kept with it, so that the rules can be asked again when no packet comes that says it.
 */
export const commit = (mark?: number): Step =>
  act({
    type: "ct",
    commit: true,
    zone: subfield("ctZone"),
    exec: [mark === undefined ? rememberSender : { type: "set_field", field: "ct_mark", value: mark }],
  });
/** One clause of a conjunction: a packet that meets one flow of each of its clauses is looked up again, with `conj_id` set to `id`. */
export const conjunction = (id: number, clause: number, clauses: number): Step =>
  act({ type: "conjunction", id, clause, clauses });
export const act = (action: Action): Step => ({ type: "do", action });

export const output = (ofport: number): Step => act({ type: "output", port: ofport });
export const outputTo = (register: RegisterName): Step => act({ type: "output_reg", src: subfield(register) });
/** Back to where it came from: an ordinary output drops a packet that would leave by the port it came in. */
export const outputInPort: Step = act({ type: "output", port: 0xfffffff8 });
export const decTtl: Step = act({ type: "dec_ttl" });

export const setMac = (field: "eth_src" | "eth_dst" | "arp_sha" | "arp_tha" | "nd_tll" | "nd_sll", mac: string): Step =>
  act({ type: "set_field", field, value: parseMac(mac) });
export const setIpv4 = (field: "ipv4_src" | "ipv4_dst" | "arp_spa" | "arp_tpa", ip: string): Step =>
  act({ type: "set_field", field, value: parseIpv4(ip) });
export const setIpv6 = (field: "ipv6_src" | "ipv6_dst" | "nd_target", ip: string | bigint): Step =>
  act({ type: "set_field", field, value: typeof ip === "bigint" ? ip : parseIpv6(ip) });

/** A register as the part of an Open vSwitch register that it is. */
export function subfield(register: RegisterName): SubField {
  const { field, start, bits } = registers[register];
  return { field, start, bits };
}
