/** Queues of a port. OpenFlow 1.5.1 sections 7.3.5.9 and 7.3.5.10. */
import { padding, u16, u32, u64 } from "@dragonflow/wire";
import { length16, optional, structure } from "../layout.ts";
import { ALL_QUEUES, PortNumber } from "../numbers.ts";
import { padded, properties, property } from "../properties.ts";
import { replyList, request } from "./row.ts";
import { duration } from "./stats.ts";

/** `port` absent: all ports; `queue` absent: all queues. */
const whichQueue = structure({ port: optional(u32, PortNumber.any), queue: optional(u32, ALL_QUEUES) });

export const queueStatsRequest = request("queue_stats_request", 5, whichQueue, "queue_stats_reply");
export const queueStatsReply = replyList(
  "queue_stats_reply",
  5,
  structure({
    length: length16,
    reserved: padding(6),
    port: u32,
    queue: u32,
    txBytes: u64,
    txPackets: u64,
    txErrors: u64,
    duration,
  }),
);

/** In 1/10 % of the port's speed. */
const ratePermille = padded(u16, 2);
export const queueDescRequest = request("queue_desc_request", 15, whichQueue, "queue_desc_reply");
export const queueDescReply = replyList(
  "queue_desc_reply",
  15,
  structure(
    { port: u32, queue: u32, length: length16, reserved: padding(6) },
    properties({
      minRatePermille: property(1, ratePermille),
      maxRatePermille: property(2, ratePermille),
    }),
  ),
);
