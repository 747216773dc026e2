/** Nicira's extensions that remove entries from the connection tracker. Acknowledged by a barrier. */
import { fixed, padding, u16, u8 } from "@dragonflow/wire";
import { structure } from "../layout.ts";
import { aligned, padded, properties, property } from "../properties.ts";
import { nicira } from "./row.ts";

export const ctFlushZone = nicira("ct_flush_zone", 29, structure({ reserved: padding(6), zone: u16 }));

/** What is absent matches anything. Addresses are IPv6, or IPv4 mapped into it (::ffff:a.b.c.d), 16 bytes. */
const tuple = aligned(
  properties({
    source: property(0, fixed(16)),
    destination: property(1, fixed(16)),
    sourcePort: property(2, padded(u16, 2)),
    destinationPort: property(3, padded(u16, 2)),
    icmpId: property(4, padded(u16, 2)),
    icmpType: property(5, u8),
    icmpCode: property(6, u8),
  }),
);

/** Removes the entries of a protocol (0: any) that match both tuples. */
export const ctFlush = nicira(
  "ct_flush",
  32,
  structure(
    { ipProtocol: u8, reserved: padding(7) },
    properties({ original: property(0, tuple), reply: property(1, tuple), zone: property(2, padded(u16, 2)) }),
  ),
);
