import { DecodeError, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { type Action, decodeActions, encodeActions } from "./actions/index.ts";

/** Bits of the metadata field that are written; `mask` absent: all. */
export interface WriteMetadata {
  readonly value: bigint;
  readonly mask?: bigint;
}

/** What a flow does with a packet. OpenFlow 1.5.1 section 7.2.5. */
export interface Instructions {
  /** Shorthand for a `meter` action in front of `apply`, which is what OpenFlow 1.5 has in place of the instruction. */
  readonly meter?: number;
  readonly apply?: readonly Action[];
  /** Empties the action set. */
  readonly clear?: true;
  /** Added to the action set. */
  readonly write?: readonly Action[];
  readonly metadata?: WriteMetadata;
  /** The next table. */
  readonly goto?: number;
}

const GOTO_TABLE = 1;
const WRITE_METADATA = 2;
const WRITE_ACTIONS = 3;
const APPLY_ACTIONS = 4;
const CLEAR_ACTIONS = 5;
const FULL_64 = 0xffff_ffff_ffff_ffffn;
const LAST_TABLE = 254;

/**
 * Encodes instructions in the order in which vswitchd returns them; an empty `apply` disappears, as it does there.
 * @throws {EncodeError} as {@link encodeActions}, `out-of-range` for a table above 254.
 */
export function encodeInstructions(w: Writer, instructions: Instructions): void {
  const { meter, apply, clear, write, metadata, goto } = instructions;
  if (meter !== undefined || (apply !== undefined && apply.length > 0)) {
    const start = begin(w, APPLY_ACTIONS);
    w.zeros(4);
    if (meter !== undefined) encodeActions(w, [{ type: "meter", meter }]);
    if (apply !== undefined) encodeActions(w, apply);
    finish(w, start);
  }
  if (clear) {
    const start = begin(w, CLEAR_ACTIONS);
    w.zeros(4);
    finish(w, start);
  }
  if (write !== undefined && write.length > 0) {
    const start = begin(w, WRITE_ACTIONS);
    w.zeros(4);
    encodeActions(w, write);
    finish(w, start);
  }
  if (metadata !== undefined) {
    const start = begin(w, WRITE_METADATA);
    const mask = metadata.mask ?? FULL_64;
    w.zeros(4)
      .u64(metadata.value & mask, "metadata")
      .u64(mask, "metadata mask");
    finish(w, start);
  }
  if (goto !== undefined) {
    if (goto > LAST_TABLE) throw new EncodeError("out-of-range", "goto", `${goto} is not 0..${LAST_TABLE}`);
    const start = begin(w, GOTO_TABLE);
    w.u8(goto, "goto").zeros(3);
    finish(w, start);
  }
}

function begin(w: Writer, type: number): number {
  const start = w.length;
  w.u16(type).u16(0);
  return start;
}

function finish(w: Writer, start: number): void {
  const length = w.length - start;
  if (length > 0xffff) throw new EncodeError("too-long", "instruction", `${length} bytes`);
  w.setU16(start + 2, length);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Decodes instructions up to the end of the reader.
 * @throws {DecodeError} as {@link decodeActions}; `bad-value` for one that comes twice, `unsupported` for one that is
 * not of OpenFlow 1.5.
 */
export function decodeInstructions(r: Reader): Instructions {
  const found: Mutable<Instructions> = {};
  const seen = new Set<number>();
  while (!r.done) {
    const at = r.offset;
    const type = r.u16("instruction type");
    const length = r.u16("instruction length");
    if (length < 8 || length % 8 !== 0) throw new DecodeError("bad-length", at, `an instruction of ${length} bytes`);
    if (seen.has(type)) throw new DecodeError("bad-value", at, `instruction ${type} twice`);
    seen.add(type);
    const body = r.sub(length - 4, "instruction");
    decodeInstruction(body, type, at, found);
    if (!body.done)
      throw new DecodeError("bad-length", at, `instruction ${type} with ${body.remaining} bytes too many`);
  }
  return found;
}

function decodeInstruction(r: Reader, type: number, at: number, found: Mutable<Instructions>): void {
  switch (type) {
    case APPLY_ACTIONS: {
      r.skip(4);
      const actions = decodeActions(r);
      if (actions.length > 0) found.apply = actions;
      return;
    }
    case WRITE_ACTIONS: {
      r.skip(4);
      const actions = decodeActions(r);
      if (actions.length > 0) found.write = actions;
      return;
    }
    case CLEAR_ACTIONS:
      r.skip(4);
      found.clear = true;
      return;
    case WRITE_METADATA: {
      r.skip(4);
      const value = r.u64("metadata");
      const mask = r.u64("metadata mask");
      found.metadata = { value: value & mask, ...(mask !== FULL_64 && { mask }) };
      return;
    }
    case GOTO_TABLE:
      found.goto = r.u8("table");
      r.skip(3);
      return;
    default:
      throw new DecodeError("unsupported", at, `instruction ${type}`);
  }
}
