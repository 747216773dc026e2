/** A trace of ours and one of a real switch, side by side. */
import assert from "node:assert/strict";
import { decodePacket } from "@dragonflow/packet";
import { DecodeError } from "@dragonflow/wire";
import { extract } from "../trace/extract.ts";
import { FieldSet } from "../trace/fields.ts";
import type { Arrived, Outcome, Trace } from "../trace/index.ts";
import { printTrace } from "../trace/index.ts";
import type { OfprotoTrace } from "./ofproto-trace.ts";

/** How a real switch calls a port that it puts a packet out by: an interface, or a tunnel by its type and its other end. */
export type PortNames = (ofport: number) => { readonly name: string; readonly isTunnel: boolean };

/** What was met on the way, in the words of both. */
export const lookupsOf = ({ steps }: Trace): readonly string[] =>
  steps.flatMap((step) => {
    if (step.type !== "lookup") return [];
    if (step.flow === undefined) return [`${step.table} none`];
    const { priority, cookie } = step.flow;
    return [`${step.table} ${priority} ${cookie === 0n ? "0" : `0x${cookie.toString(16)}`}`];
  });

/** Fields that a datapath changes. */
const HEADERS = [
  ...(["eth_src", "eth_dst", "ipv4_src", "ipv4_dst", "ipv6_src", "ipv6_dst", "ip_ttl", "ip_dscp", "ip_ecn"] as const),
  ...(["arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha", "icmpv4_type", "icmpv6_type", "vlan_vid"] as const),
  ...(["tcp_src", "tcp_dst", "udp_src", "udp_dst"] as const),
];
/** Written into an option that the packet may not have. */
const ND_HEADERS = ["nd_target", "nd_sll", "nd_tll", "nd_options_type", "nd_reserved"] as const;

const headersOf = (packet: FieldSet): string =>
  [...HEADERS, ...ND_HEADERS].map((name) => `${name}=${packet.get(name)}`).join();

function oursOf(outcome: Outcome, portNames: PortNames): readonly string[] {
  switch (outcome.type) {
    case "output": {
      const packet = new FieldSet(outcome.packet.fields);
      const { name, isTunnel } = portNames(outcome.port);
      return [`${name} ${isTunnel ? `${packet.get("tun_id")} ` : ""}${headersOf(packet)}`];
    }
    case "punt":
      return [`punt ${outcome.controller} ${outcome.reason === "action" ? 1 : 2}`];
    case "drop":
      return [];
  }
}
function theirsOf({ outcomes }: OfprotoTrace): readonly string[] {
  return outcomes.map((outcome) => {
    if (outcome.type === "punt") return `punt ${outcome.controller} ${outcome.reason}`;
    return `${outcome.port} ${outcome.tunId === undefined ? "" : `${outcome.tunId} `}${headersOf(outcome.packet)}`;
  });
}

/** @throws {assert.AssertionError} where they met different flows, or the packet ended in another way. */
export function assertAgreement(frame: Uint8Array, ours: Trace, theirs: OfprotoTrace, portNames: PortNames): void {
  const context = `\n${theirs.text}\n${printTrace(ours)}`;
  assert.deepEqual(lookupsOf(ours), theirs.lookups, context);
  assert.deepEqual(
    ours.outcomes.flatMap((outcome) => oursOf(outcome, portNames)),
    theirsOf(theirs),
    context,
  );
  for (const outcome of ours.outcomes) if (outcome.type !== "drop") assertFrame(outcome.packet, isIntact(frame));
}

function isIntact(frame: Uint8Array): boolean {
  try {
    decodePacket(frame);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** The bytes say what the fields say, and the checksums of a packet that was intact are right. */
function assertFrame(packet: Arrived, wasIntact: boolean): void {
  if (wasIntact) decodePacket(packet.frame());
  const read = extract(packet.frame()).fields;
  for (const name of HEADERS) assert.equal(read.get(name), new FieldSet(packet.fields).get(name), name);
}
