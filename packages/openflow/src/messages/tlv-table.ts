/**
 * Which tunnel option is which `tun_metadata` field: per bridge, needed before a flow names the field, lost when
 * vswitchd restarts.
 */
import { type ValueOf, padding, u16, u32, u8 } from "@dragonflow/wire";
import { list, named, structure } from "../layout.ts";
import { nothing } from "./session.ts";
import { nicira } from "./row.ts";

/** The Geneve option of class, type and length (a multiple of 4, at most 124) is field `tun_metadata<index>`. */
const map = structure({ optionClass: u16, optionType: u8, optionLengthBytes: u8, index: u16, reserved: padding(2) });
export type TlvMap = ValueOf<typeof map>;
const maps = list(map);

export const tlvTableMod = nicira(
  "tlv_table_mod",
  24,
  structure({ command: named(u16, { add: 0, delete: 1, clear: 2 }), reserved: padding(6), maps }),
);
export const tlvTableRequest = nicira("tlv_table_request", 25, nothing, "tlv_table_reply");
export const tlvTableReply = nicira(
  "tlv_table_reply",
  26,
  structure({ maxOptionSpaceBytes: u32, maxFields: u16, reserved: padding(10), maps }),
);
