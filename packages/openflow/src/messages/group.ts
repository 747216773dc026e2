/** Groups and their buckets. OpenFlow 1.5.1 sections 7.3.4.2, 7.3.5.11 to 7.3.5.13. */
import { type Codec, type ValueOf, padding, rest, u16, u32, u64, u8 } from "@dragonflow/wire";
import { array, flags, length16, lengthOf, list, named, optional, structure, text } from "../layout.ts";
import { BucketNumber, Experimenter, GroupNumber } from "../numbers.ts";
import { experimenterProperty, padded, properties, property } from "../properties.ts";
import { actions } from "./parts.ts";
import { replyList, reply, request, standard } from "./row.ts";
import { nothing } from "./session.ts";
import { counters, duration } from "./stats.ts";

const groupType = named(u8, { all: 0, select: 1, indirect: 2, ff: 3 });

const bucket = structure(
  {
    length: length16,
    actionsLength: lengthOf("actions"),
    /** Unique in the group, at most {@link BucketNumber.max}. */
    bucket: u32,
    actions,
  },
  properties({
    /** For `select` groups; absent: 1. */
    weight: property(0, padded(u16, 2)),
    /** The bucket is live while this port is. */
    watchPort: property(1, u32),
    /** The bucket is live while this group has a live bucket. */
    watchGroup: property(2, u32),
  }),
);

export type Bucket = ValueOf<typeof bucket>;

/**
 * How a `select` group chooses (Netronome's extension, in Open vSwitch since 2.4): by `hash` over fields, or by
 * `dp_hash`, the datapath's own. `fields` are OXM headers, each with the mask that its field is hashed under, as they
 * stand on the wire; empty: the default hash.
 */
const selection = structure({ reserved: padding(4), method: text(16), parameter: u64, fields: rest });
const groupProperties = properties({ selection: experimenterProperty(Experimenter.netronome, 1, selection) });

export const groupMod = standard(
  "group_mod",
  15,
  structure(
    {
      command: named(u16, { add: 0, modify: 1, delete: 2, insert_bucket: 3, remove_bucket: 5, add_or_mod: 0x8000 }),
      groupType,
      reserved: padding(1),
      /** {@link GroupNumber.all} deletes all. */
      group: u32,
      bucketsLength: lengthOf("buckets"),
      reserved2: padding(2),
      /** `insert_bucket`: behind which (or first, last); `remove_bucket`: which. Absent: all. */
      commandBucket: optional(u32, BucketNumber.all),
      buckets: list(bucket),
    },
    groupProperties,
  ),
);

/** `group` absent: all of them. */
const whichGroup = structure({ group: optional(u32, GroupNumber.all), reserved: padding(4) });

export const groupDescRequest = request("group_desc_request", 7, whichGroup, "group_desc_reply");
export const groupDescReply = replyList(
  "group_desc_reply",
  7,
  structure(
    {
      length: length16,
      groupType,
      reserved: padding(1),
      group: u32,
      bucketsLength: lengthOf("buckets"),
      reserved2: padding(6),
      buckets: list(bucket),
    },
    groupProperties,
  ),
);

export const groupStatsRequest = request("group_stats_request", 6, whichGroup, "group_stats_reply");
export const groupStatsReply = replyList(
  "group_stats_reply",
  6,
  structure({
    length: length16,
    reserved: padding(2),
    group: u32,
    /** How many flows and groups forward to it. */
    references: u32,
    reserved2: padding(4),
    packets: u64,
    bytes: u64,
    duration,
    buckets: list(counters),
  }),
);

const perType: Codec<readonly number[]> = array(4, u32);
export const groupFeaturesRequest = request("group_features_request", 8, nothing, "group_features_reply");
/**
 * The arrays have one element per group type, in the order all, select, indirect, ff; `actions` are bitmaps of action
 * types.
 */
export const groupFeaturesReply = reply(
  "group_features_reply",
  8,
  structure({
    types: flags(u32, { all: 1, select: 2, indirect: 4, ff: 8 }),
    capabilities: flags(u32, { select_weight: 1, select_liveness: 2, chaining: 4, chaining_checks: 8 }),
    maxGroups: perType,
    actions: perType,
  }),
);
