import { Reader, Writer } from "@dragonflow/wire";
import { type FieldRow, fieldByOxm } from "../fields/lookup.ts";
import { OXM_EXPERIMENTER } from "../fields/oxm.ts";
import { putOxmHeader } from "../fields/value.ts";
import type { Bucket } from "../messages/group.ts";
import type { MessageNamed } from "../messages/index.ts";
import { BucketNumber, PortNumber } from "../numbers.ts";
import { required, type TextContext } from "./action-text.ts";
import { parseActionList, printActions } from "./actions.ts";
import { type NamedNumbers, type Names, parsePort, printPort } from "./names.ts";
import { parseBigInt, parseNumber } from "./number.ts";
import { Piece, splitArguments, TextError } from "./piece.ts";
import { parseField } from "./sub-field.ts";
import { fieldText, parseValue, printValue } from "./value.ts";

/** A group as a switch describes it. */
export type Group = MessageNamed<"group_desc_reply">["entries"][number];
type Selection = NonNullable<Group["selection"]>;
type GroupType = Group["groupType"];
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const TYPES: ReadonlyMap<string, GroupType> = new Map([
  ["all", "all"],
  ["select", "select"],
  ["indirect", "indirect"],
  ["ff", "ff"],
  ["fast_failover", "ff"],
]);

/**
 * Prints a group exactly as `ovs-ofctl -O OpenFlow15 dump-groups` does, without the blank in front.
 * @param group.selection.fields as it stands on the wire; a field that no row describes is left out.
 */
export function printGroup({ group, groupType, buckets, selection }: Group, names: Names = {}): string {
  const head = [
    `group_id=${group}`,
    `type=${groupType}`,
    ...(selection === undefined ? [] : printSelection(selection, names)),
  ];
  return [...head, ...buckets.map((bucket) => `bucket=${printBucket(bucket, groupType, names)}`)].join(",");
}

function printBucket(
  { bucket, weight, watchPort, watchGroup, actions }: Bucket,
  type: GroupType,
  names: Names,
): string {
  const parts = [`bucket_id:${bucket}`];
  const usual = type === "select" ? 1 : 0;
  if (weight !== undefined && weight !== usual) parts.push(`weight:${weight}`);
  if (watchPort !== undefined && watchPort !== PortNumber.any) parts.push(`watch_port:${printPort(watchPort, names)}`);
  if (watchGroup !== undefined && watchGroup !== BucketNumber.all) parts.push(`watch_group:${watchGroup}`);
  return `${parts.join(",")},actions=${printActions(actions, names)}`;
}

function printSelection({ method, parameter, fields }: Selection, names: Names): string[] {
  if (method === "") return [];
  const parts = [`selection_method=${method}`];
  if (parameter !== 0n) parts.push(`selection_method_param=${parameter}`);
  const shown = readHashFields(fields).map(({ row, mask }) => {
    const all = (1n << BigInt(row.bytes * 8)) - 1n;
    return mask === all ? fieldText(row) : `${fieldText(row)}=${printValue(row, mask, undefined, names)}`;
  });
  if (shown.length === 1) parts.push(`fields=${shown.join("")}`);
  else if (shown.length > 1) parts.push(`fields(${shown.join(",")})`);
  return parts;
}

/** A field that takes part in the hash, and which of its bits do. */
interface HashField {
  readonly row: FieldRow;
  readonly mask: bigint;
}

/** OXMs whose value is the mask. */
function readHashFields(bytes: Uint8Array): HashField[] {
  const r = new Reader(bytes);
  const fields: HashField[] = [];
  while (r.remaining >= 4) {
    const oxmClass = r.u16();
    const header = r.u16();
    const body = r.sub(header & 0xff, "OXM");
    const row = fieldByOxm(oxmClass, (header & 0xffff) >>> 9, oxmClass === OXM_EXPERIMENTER ? body.u32() : 0);
    if (row !== undefined) fields.push({ row, mask: body.uint(body.remaining) });
  }
  return fields;
}

function writeHashFields(fields: readonly HashField[]): Uint8Array {
  const w = new Writer();
  for (const { row, mask } of fields) {
    putOxmHeader(w, row);
    w.uint(mask, row.bytes, row.name);
  }
  return w.slice();
}

function parseHashFields(list: Piece, numbers: NamedNumbers): Uint8Array {
  const fields = Array.from(splitArguments(list), ({ key, value }): HashField => {
    const row = parseField(key);
    const all = (1n << BigInt(row.bytes * 8)) - 1n;
    return { row, mask: value.empty ? all : BigInt(parseValue(row, value, numbers).value) };
  });
  return writeHashFields(fields);
}

function parseType(piece: Piece): GroupType {
  const type = TYPES.get(piece.text);
  if (type === undefined) piece.fail("bad-value", `"${piece.text}" is none of ${[...TYPES.keys()].join(", ")}`);
  return type;
}

/** Reads what stands behind `bucket=`; a bucket without an id has its place as one. */
function parseBucket(list: Piece, place: number, context: TextContext): Bucket {
  const bucket: Mutable<Partial<Bucket>> & { bucket: number } = { bucket: place };
  const actions: Piece[] = [];
  for (const { key, value, delimiter } of splitArguments(list)) {
    switch (key.text) {
      case "bucket_id":
        bucket.bucket = parseNumber(required(key, value), 32, "bucket_id");
        break;
      case "weight":
        bucket.weight = parseNumber(required(key, value), 16, "weight");
        break;
      case "watch_port":
        bucket.watchPort = parsePort(required(key, value), context.numbers);
        break;
      case "watch_group":
        bucket.watchGroup = parseNumber(required(key, value), 32, "watch_group");
        break;
      case "action":
      case "actions":
        actions.push(value);
        break;
      default: {
        const end = value.offset + value.text.length + (delimiter === "(" ? 1 : 0);
        actions.push(list.slice(key.offset - list.offset, end - list.offset));
      }
    }
  }
  if (actions.length === 0) list.fail("missing", "a bucket wants actions");
  return { ...bucket, actions: actions.flatMap((one) => parseActionList(one, context)) };
}

/**
 * Reads one group in the syntax of ovs-ofctl(8), as `add-group` takes it and `dump-groups` prints it.
 * @throws {TextError} with the place in the text.
 */
export function parseGroup(text: string, numbers: NamedNumbers = {}): Group {
  const starts = Array.from(text.matchAll(/\bbucket=/g), ({ index }) => index);
  const head = new Piece(text.slice(0, starts[0] ?? text.length));
  let group: number | undefined;
  let groupType: GroupType | undefined;
  let selection: Mutable<Selection> | undefined;
  const select = (): Mutable<Selection> => (selection ??= { method: "", parameter: 0n, fields: new Uint8Array() });
  for (const { key, value } of splitArguments(head)) {
    if (key.text === "group_id") group = parseNumber(required(key, value), 32, "group_id");
    else if (key.text === "type") groupType = parseType(required(key, value));
    else if (key.text === "selection_method") select().method = required(key, value).text;
    else if (key.text === "selection_method_param")
      select().parameter = parseBigInt(value, 64, "selection_method_param");
    else if (key.text === "fields") select().fields = parseHashFields(value, numbers);
    else throw new TextError("unknown-keyword", key.offset, `"${key.text}"`);
  }
  if (group === undefined) throw new TextError("missing", 0, "group_id");
  if (groupType === undefined) throw new TextError("missing", 0, "type");
  const buckets = starts.map((start, place) => {
    const from = start + "bucket=".length;
    return parseBucket(new Piece(text.slice(from, starts[place + 1]), from), place, { numbers, match: {} });
  });
  return { group, groupType, buckets, ...(selection && { selection }) };
}
