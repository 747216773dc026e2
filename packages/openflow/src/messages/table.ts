/**
 * Flow tables: statistics, description, features, configuration. OpenFlow 1.5.1 sections 7.3.3, 7.3.5.16 to 7.3.5.18,
 * 7.4.5.
 */
import { type Codec, padding, u32, u64, u8 } from "@dragonflow/wire";
import { flags, length16, list, named, structure, text } from "../layout.ts";
import { properties, property } from "../properties.ts";
import { replyList, request, requestList, standard } from "./row.ts";
import { nothing } from "./session.ts";

const config = flags(u32, { eviction: 1 << 2, vacancy_events: 1 << 3 });
const tableProperties = properties({
  /** By what flows are chosen for eviction. */
  eviction: property(2, flags(u32, { other: 1, importance: 2, lifetime: 4 })),
  /** Thresholds of free space for vacancy events; `currentPercent` in descriptions only. */
  vacancy: property(3, structure({ downPercent: u8, upPercent: u8, currentPercent: u8, reserved: padding(1) })),
});

/**
 * Open vSwitch 3.1 takes the property `eviction` of a table_mod for the switch in `config` (1 on, 2 off): leave it out.
 */
export const tableMod = standard(
  "table_mod",
  17,
  structure({ table: u8, reserved: padding(3), config }, tableProperties),
);

const tableDesc = structure({ length: length16, table: u8, reserved: padding(1), config }, tableProperties);
export const tableStatus = standard(
  "table_status",
  31,
  structure({ reason: named(u8, { vacancy_down: 3, vacancy_up: 4 }), reserved: padding(7), table: tableDesc }),
);
export const tableDescRequest = request("table_desc_request", 14, nothing, "table_desc_reply");
export const tableDescReply = replyList("table_desc_reply", 14, tableDesc);

export const tableStatsRequest = request("table_stats_request", 3, nothing, "table_stats_reply");
export const tableStatsReply = replyList(
  "table_stats_reply",
  3,
  structure({ table: u8, reserved: padding(3), active: u32, lookups: u64, matched: u64 }),
);

/** A type of instruction or action, or of an experimenter's (type 0xffff). */
export interface FeatureId {
  readonly type: number;
  readonly experimenter?: number;
}
/** `type:16 | length:16 | [experimenter:32]` */
const featureId: Codec<FeatureId> = {
  read(r) {
    const type = r.u16("type");
    const length = r.u16("length");
    if (length === 4) return { type };
    if (length !== 8) r.fail(`an id of ${length} bytes`, "bad-length");
    return { type, experimenter: r.u32("experimenter") };
  },
  write(w, { type, experimenter }) {
    w.u16(type, "type").u16(experimenter === undefined ? 4 : 8);
    if (experimenter !== undefined) w.u32(experimenter, "experimenter");
  },
};

/** An OXM header, with the experimenter's id where its class is 0xffff. */
export interface FieldId {
  readonly header: number;
  readonly experimenter?: number;
}
const EXPERIMENTER_CLASS = 0xffff;
const fieldId: Codec<FieldId> = {
  read(r) {
    const header = r.u32("OXM header");
    return header >>> 16 === EXPERIMENTER_CLASS ? { header, experimenter: r.u32("experimenter") } : { header };
  },
  write(w, { header, experimenter }) {
    w.u32(header, "OXM header");
    if (header >>> 16 === EXPERIMENTER_CLASS) w.u32(experimenter ?? 0, "experimenter");
  },
};

const features = list(featureId);
const fields = list(fieldId);
const tables = list(u8);

/**
 * Members whose name ends in `Miss` hold for the flow that matches everything at priority 0; absent: the same as for
 * the others.
 */
const tableFeatures = structure(
  {
    length: length16,
    table: u8,
    command: named(u8, { replace: 0, modify: 1, enable: 2, disable: 3 }),
    reserved: padding(4),
    name: text(32),
    metadataMatch: u64,
    metadataWrite: u64,
    capabilities: config,
    maxEntries: u32,
  },
  properties({
    instructions: property(0, features),
    nextTables: property(2, tables),
    writeActions: property(4, features),
    writeSetField: property(12, fields),
    applyActions: property(6, features),
    applySetField: property(14, fields),
    instructionsMiss: property(1, features),
    nextTablesMiss: property(3, tables),
    writeActionsMiss: property(5, features),
    writeSetFieldMiss: property(13, fields),
    applyActionsMiss: property(7, features),
    applySetFieldMiss: property(15, fields),
    match: property(8, fields),
    wildcards: property(10, fields),
  }),
);
/** Without entries: what are they? With entries: make them so (Open vSwitch takes names only). */
export const tableFeaturesRequest = requestList("table_features_request", 12, tableFeatures, "table_features_reply");
export const tableFeaturesReply = replyList("table_features_reply", 12, tableFeatures);
