import { parseController } from "../actions/controller.ts";
import type { Action } from "../actions/table.ts";
import { type FieldRow, fieldRow } from "../fields/lookup.ts";
import type { FieldName } from "../fields/table.ts";
import { PortNumber } from "../numbers.ts";
import { type Read, readArguments, required, type TextContext } from "./action-text.ts";
import { type NamedNumbers, parsePort } from "./names.ts";
import { parseBigInt, parseNumber } from "./number.ts";
import { Piece } from "./piece.ts";
import { isSubField, parseField, parseSubField } from "./sub-field.ts";
import { parseValue } from "./value.ts";

/** Forms of ovs-actions(7) that stand for one or several actions of another name. */
export const SHORTHANDS: Readonly<Record<string, Read<readonly Action[]>>> = {
  output: ({ key, value }, { numbers }) => [parseOutput(required(key, value), numbers)],
  controller: ({ value }) => [parseToController(value)],
  enqueue: ({ value }, { numbers }) => parseEnqueue(value, numbers),
  strip_vlan: () => [{ type: "pop_vlan" }],
  set_field: ({ value }, context) => [parseSetField(value, context)],
  load: ({ value }) => [parseLoad(value)],
  move: ({ value }) => [parseMove(value)],
  mod_vlan_vid: ({ value }, { match }) => withVlan(match.vlan_vid === undefined, vlanVid(value)),
  set_vlan_vid: ({ value }) => [vlanVid(value)],
  mod_vlan_pcp: ({ value }, { match }) => withVlan(match.vlan_vid === undefined, setNumber("vlan_pcp", value)),
  set_vlan_pcp: ({ value }) => [setNumber("vlan_pcp", value)],
  mod_dl_src: (argument, context) => [setFormatted("eth_src", argument.value, context)],
  mod_dl_dst: (argument, context) => [setFormatted("eth_dst", argument.value, context)],
  mod_nw_src: (argument, context) => [setFormatted("ipv4_src", argument.value, context)],
  mod_nw_dst: (argument, context) => [setFormatted("ipv4_dst", argument.value, context)],
  mod_nw_tos: ({ value }) => [trafficClass(value)],
  mod_nw_ecn: ({ value }) => [setNumber("ip_ecn", value)],
  mod_tp_src: ({ key, value }, context) => [setNumber(transportPort(key, context, "src"), value)],
  mod_tp_dst: ({ key, value }, context) => [setNumber(transportPort(key, context, "dst"), value)],
  set_mpls_label: ({ value }) => [setNumber("mpls_label", value)],
  set_mpls_tc: ({ value }) => [setNumber("mpls_tc", value)],
  set_tunnel: ({ value }) => [set("tun_id", parseBigInt(value, 64, "set_tunnel"))],
  set_tunnel64: ({ value }) => [set("tun_id", parseBigInt(value, 64, "set_tunnel64"))],
};

/** `value`, and `mask` where not every bit is written. */
function set(field: FieldName, value: bigint, mask?: bigint): Action {
  return setRow(fieldRow(field), value, mask);
}

function setRow(row: FieldRow, value: number | bigint, mask?: number | bigint): Action {
  const typed = (one: number | bigint): number | bigint => (typeof row.ones === "bigint" ? BigInt(one) : Number(one));
  const body = { field: row.name, value: typed(value), ...(mask !== undefined && { mask: typed(mask) }) };
  return { type: "set_field", ...body } as Action;
}

function setNumber(field: FieldName, value: Piece): Action {
  return set(field, parseBigInt(value, fieldRow(field).field.bits, field));
}

function setFormatted(field: FieldName, piece: Piece, { numbers }: TextContext): Action {
  const row = fieldRow(field);
  return setRow(row, parseValue(row, piece, numbers).value);
}

function vlanVid(value: Piece): Action {
  return set("vlan_vid", BigInt(0x1000 | parseNumber(value, 12, "VLAN")));
}

/** The six bits of DSCP, in the place that they have in the header. */
function trafficClass(value: Piece): Action {
  const tos = parseNumber(value, 8, "mod_nw_tos");
  if ((tos & 3) !== 0) value.fail("out-of-range", `${tos} has the two ECN bits set`);
  return set("ip_dscp", BigInt(tos >>> 2));
}

/** The forms of OpenFlow 1.0 add a tag where the flow does not say that there is one. */
function withVlan(add: boolean, action: Action): readonly Action[] {
  return add ? [{ type: "push_vlan", ethertype: 0x8100 }, action] : [action];
}

const TRANSPORTS: ReadonlyMap<unknown, "tcp" | "udp" | "sctp"> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

function transportPort(key: Piece, { match }: TextContext, side: "src" | "dst"): FieldName {
  const transport = TRANSPORTS.get(match.ip_proto);
  if (transport === undefined) return key.fail("conflict", `${key.text} in a flow that is not of TCP, UDP or SCTP`);
  return `${transport}_${side}`;
}

function parseOutput(value: Piece, numbers: NamedNumbers): Action {
  if (value.text.includes("port=") && value.text.includes("max_len")) {
    let port = 0;
    let maxLen = 0;
    readArguments(value, "output", {
      port: (argument) => (port = parsePort(argument.value, numbers)),
      max_len: (argument) => (maxLen = parseNumber(argument.value, 32, "max_len")),
    });
    return { type: "output_trunc", port, maxLen };
  }
  if (isSubField(value)) return { type: "output_reg", src: parseSubField(value) };
  return { type: "output", port: parsePort(value, numbers) };
}

/**
 * `controller`, `controller:max_len` and `controller(max_len=...)` alone are an output; with more to say, an action of
 * its own.
 */
function parseToController(value: Piece): Action {
  const to = (maxLen: number | undefined): Action => ({
    type: "output",
    port: PortNumber.controller,
    ...(maxLen !== undefined && maxLen !== 0xffff && { maxLen }),
  });
  if (value.empty) return to(undefined);
  if (/^\d+$/.test(value.text)) return to(parseNumber(value, 16, "max_len"));
  const { maxLen, ...rest } = parseController(value);
  if (Object.keys(rest).length === 0) return to(maxLen);
  return { type: "controller", ...rest, ...(maxLen !== undefined && { maxLen }) };
}

/** `port:queue`, `port,queue` or `port,qN`. OpenFlow 1.5 says it in three actions. */
function parseEnqueue(value: Piece, numbers: NamedNumbers): readonly Action[] {
  const [port, rest] = value.split(":") ?? value.split(",") ?? value.fail("missing", "enqueue:port:queue");
  const queue = /^\s*q?/.exec(rest.text)?.[0].length ?? 0;
  return [
    { type: "set_queue", queue: parseNumber(rest.slice(queue), 32, "queue") },
    { type: "output", port: parsePort(port, numbers) },
    { type: "pop_queue" },
  ];
}

function parseSetField(value: Piece, { numbers }: TextContext): Action {
  const at = value.text.lastIndexOf("->");
  if (at < 0) value.fail("missing", "set_field:value->field");
  const row = parseField(value.slice(at + 2));
  const { value: number, mask } = parseValue(row, value.slice(0, at), numbers);
  return setRow(row, number, mask);
}

function parseLoad(value: Piece): Action {
  const [source, target] = value.split("->") ?? value.fail("missing", "load:value->field");
  const { field, start, bits } = parseSubField(target);
  const row = fieldRow(field);
  const shift = BigInt(start);
  const loaded = parseBigInt(source, bits, field) << shift;
  const mask = ((1n << BigInt(bits)) - 1n) << shift;
  return setRow(row, loaded, mask === BigInt(row.ones) ? undefined : mask);
}

function parseMove(value: Piece): Action {
  const [source, target] = value.split("->") ?? value.fail("missing", "move:field->field");
  const src = parseSubField(source);
  const dst = parseSubField(target);
  if (src.bits !== dst.bits) value.fail("bad-value", `${src.bits} bits into ${dst.bits}`);
  return { type: "copy_field", src, dst };
}

/** A port alone, by number or name, is an output to it. */
export function parseBarePort(key: Piece, numbers: NamedNumbers): Action {
  const port = parsePort(new Piece(key.text, key.offset), numbers);
  return { type: "output", port };
}
