import { type Codec, padding, rest, u16, u32, u8 } from "@dragonflow/wire";
import { named, optional, structure } from "../layout.ts";
import { padded, properties, property } from "../properties.ts";
import { type ActionText, call, readArguments, required } from "../text/action-text.ts";
import { dottedHex, parseHexBytes, parseNumber } from "../text/number.ts";
import type { Piece } from "../text/piece.ts";
import { action, nicira } from "./row.ts";

/** Why a packet is sent to a controller (OFPR_*). OpenFlow 1.5.1 section 7.4.1. */
export const PACKET_IN_REASONS = {
  no_match: 0,
  action: 1,
  invalid_ttl: 2,
  action_set: 3,
  group: 4,
  packet_out: 5,
} as const;
export type PacketInReason = keyof typeof PACKET_IN_REASONS;

/** What `controller(...)` says. What is absent has its default: the whole packet, reason `action`, controller id 0. */
export interface Controller {
  readonly maxLen?: number;
  readonly reason?: Exclude<PacketInReason, "action">;
  readonly controller?: number;
  /** Copied into the packet-in. */
  readonly userdata?: Uint8Array;
  /** The pipeline can be resumed from here, by the continuation in the packet-in. */
  readonly pause?: true;
  readonly meter?: number;
}

const reason = named(u8, PACKET_IN_REASONS);
const whole = 0xffff;

/** A property without a value. */
const flag: Codec<true> = { read: () => true, write: () => {} };

const plain = structure({
  maxLen: optional(u16, whole),
  controller: optional(u16, 0),
  reason,
  reserved: padding(1),
});

const PROPERTIES = properties({
  maxLen: property(0, padded(u16, 2)),
  controller: property(1, padded(u16, 2)),
  reason: property(2, reason),
  userdata: property(3, rest),
  pause: property(4, flag),
  meter: property(5, u32),
});

interface Found {
  maxLen?: number;
  reason?: PacketInReason;
  controller?: number;
  userdata?: Uint8Array;
  pause?: true;
  meter?: number;
}

/** Leaves out what is its default. */
function spell(found: Found): Controller {
  const { maxLen = whole, reason: why = "action", controller = 0, userdata, pause, meter } = found;
  return {
    ...(maxLen !== whole && { maxLen }),
    ...(why !== "action" && { reason: why }),
    ...(controller !== 0 && { controller }),
    // A copy: the buffer it was read from will be reused.
    ...(userdata !== undefined && userdata.length > 0 && { userdata: userdata.slice() }),
    ...(pause && { pause }),
    ...(meter !== undefined && { meter }),
  };
}

const short: Codec<Controller> = {
  read: (r) => spell(plain.read(r)),
  write: (w, value, field) => plain.write(w, { reason: "action", ...value }, field),
};
const long: Codec<Controller> = {
  read(r) {
    r.skip(6);
    return spell(PROPERTIES.read(r));
  },
  write(w, value, field) {
    w.zeros(6);
    PROPERTIES.write(w, spell(value), field);
  },
};

function parseReason(piece: Piece): PacketInReason {
  const { text } = piece;
  if (!isReason(text)) piece.fail("bad-value", `"${text}" is none of ${Object.keys(PACKET_IN_REASONS).join(", ")}`);
  return text;
}

function isReason(text: string): text is PacketInReason {
  return Object.hasOwn(PACKET_IN_REASONS, text);
}

/** Reads the arguments of `controller(...)`. */
export function parseController(list: Piece): Controller {
  const found: Found = {};
  readArguments(list, "controller", {
    max_len: ({ key, value }) => (found.maxLen = parseNumber(required(key, value), 16, "max_len")),
    reason: ({ value }) => (found.reason = parseReason(value)),
    id: ({ key, value }) => (found.controller = parseNumber(required(key, value), 16, "id")),
    userdata: ({ value }) => (found.userdata = parseHexBytes(value, "userdata")),
    pause: () => (found.pause = true),
    meter_id: ({ key, value }) => (found.meter = parseNumber(required(key, value), 32, "meter_id")),
  });
  return spell(found);
}

const text: ActionText<Controller> = {
  print({ maxLen, reason: why, controller, userdata, pause, meter }) {
    if ((why ?? controller ?? userdata ?? pause ?? meter) === undefined) return `CONTROLLER:${maxLen ?? whole}`;
    return call("controller", [
      why && `reason=${why}`,
      maxLen !== undefined && `max_len=${maxLen}`,
      controller !== undefined && `id=${controller}`,
      userdata && `userdata=${dottedHex(userdata)}`,
      pause && "pause",
      meter !== undefined && `meter_id=${meter}`,
    ]);
  },
  keywords: {},
};

export const CONTROLLER_ACTIONS = {
  controller: action(
    text,
    nicira(20, short, (a) => (a.userdata?.length ?? 0) === 0 && a.pause === undefined && a.meter === undefined),
    nicira(37, long),
  ),
} as const;
