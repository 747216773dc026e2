import type { ActionOf, Flow } from "@dragonflow/openflow";
import { TraceError } from "./errors.ts";
import type { FieldSet, PacketFields } from "./fields.ts";
import { rewrite } from "./rewrite.ts";

/** A packet to follow: the frame, or the fields of one, or a frame and what it carries beside (`tun_id`, registers). */
export interface PacketToTrace {
  readonly inPort: number;
  readonly frame?: Uint8Array;
  readonly fields?: PacketFields;
  /** Where it starts. Absent: table 0. */
  readonly table?: number;
  /** What is known of its connection. Absent: what the switch's contents say. */
  readonly conntrack?: Conntrack;
}

/** A table that the packet went through, and what it met there. */
export interface LookupStep {
  readonly type: "lookup";
  /** How many resubmits and groups lead here. */
  readonly depth: number;
  readonly table: number;
  readonly tableName: string;
  /** Undefined: none matches. */
  readonly flow: Flow | undefined;
  /** Who caused the flow, in words. */
  readonly owner: string | undefined;
}
/** A copy of the packet for a bucket of a group. */
export interface BucketStep {
  readonly type: "bucket";
  readonly depth: number;
  readonly group: number;
  readonly bucket: number;
}
/** The packet comes back from connection tracking, and goes on in a table. */
export interface TrackedStep {
  readonly type: "tracked";
  readonly zone: number;
  readonly state: number;
  readonly mark: number;
}
export type TraceStep = LookupStep | BucketStep | TrackedStep;

/** The packet as it came in. */
export interface Original {
  readonly frame: Uint8Array;
  readonly fields: FieldSet;
}

/** A packet at the end of its way. */
export class Arrived {
  readonly fields: PacketFields;
  readonly #original: Original | undefined;
  readonly #now: FieldSet;

  constructor(original: Original | undefined, now: FieldSet) {
    this.#original = original;
    this.#now = now;
    this.fields = now.toObject();
  }

  /** Its bytes. @throws {TraceError} `bad-packet` where fields only were traced, `unsupported` as {@link rewrite}. */
  frame(): Uint8Array {
    if (this.#original === undefined) throw new TraceError("bad-packet", "fields only were traced, there is no frame");
    return rewrite(this.#original.frame, this.#original.fields, this.#now);
  }
}

/**
 * Why a packet, or a copy of it, ended: no flow matched, or none but that for misses (priority 0, any packet); a flow says so (it has nothing to do);
 * it would have left by the port it came in by; its TTL is used up; the group does not exist; it goes round in circles, by tables or by
 * connection tracking.
 */
export type DropReason = "miss" | "flow" | "in port" | "ttl" | "no group" | "resubmit limit" | "recirculation limit";

export type Outcome =
  | { readonly type: "output"; readonly port: number; readonly packet: Arrived }
  | {
      readonly type: "punt";
      readonly controller: number;
      readonly reason: "action" | "invalid_ttl";
      readonly userdata: Uint8Array | undefined;
      readonly packet: Arrived;
    }
  | { readonly type: "drop"; readonly table: string; readonly reason: DropReason; readonly packet: Arrived };

export interface Trace {
  readonly steps: readonly TraceStep[];
  /** One for each copy of the packet, in the order in which a switch acts; what goes on behind connection tracking comes behind the rest. */
  readonly outcomes: readonly Outcome[];
}

/**
 * What connection tracking makes of a packet: the place where a model of it is put in. Without one, a `ct` action cannot be followed.
 * @param action with its zone, wherever that was taken from.
 * @returns the packet's fields (ct_state, ct_mark, translated addresses ...) as they are after the action.
 */
export type Conntrack = (action: ActionOf<"ct"> & { readonly zone: number }, packet: PacketFields) => PacketFields;
