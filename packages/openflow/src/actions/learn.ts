import { type Codec, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { putLegacyHeader, putShortHeader, referencedRow, type SubField, subField } from "../fields/subfield.ts";
import { readOxmHeader } from "../fields/value.ts";
import { learnText } from "../text/learn.ts";
import type { Learn, LearnSpec, LearnSource } from "./learn-types.ts";
import { action, nicira } from "./row.ts";

const SEND_FLOW_REM = 1;
const DELETE_LEARNED = 2;
const WRITE_RESULT = 4;

/** Bits of a spec's header, above the 11 that count the bits it is about. */
const FROM_VALUE = 0x2000;
const INTO_MASK = 0x1800;
const INTO_LOAD = 0x0800;
const INTO_OUTPUT = 0x1000;
const BITS_MASK = 0x07ff;
const UNKNOWN_MASK = 0xc000;

function readReference(r: Reader, bits: number): SubField {
  const row = readOxmHeader(r);
  return subField(r, row, r.u16("offset"), bits);
}

function writeReference(w: Writer, reference: SubField): void {
  putShortHeader(w, referencedRow(reference));
  w.u16(reference.start, "start");
}

function readSpec(r: Reader): LearnSpec | undefined {
  const at = r.offset;
  const header = r.u16("spec");
  if (header === 0) return undefined;
  const bits = header & BITS_MASK;
  const into = header & INTO_MASK;
  if (bits === 0 || (header & UNKNOWN_MASK) !== 0 || into === INTO_MASK)
    r.fail(`a spec of 0x${header.toString(16)} at ${at}`);
  let from: LearnSource;
  if ((header & FROM_VALUE) === 0) {
    from = readReference(r, bits);
  } else {
    const value = r.uint(Math.ceil(bits / 16) * 2, "value");
    if (value >> BigInt(bits) !== 0n) r.fail(`${value} in ${bits} bits`);
    from = bits <= 48 ? Number(value) : value;
  }
  if (into === INTO_OUTPUT) {
    if (typeof from !== "object") r.fail("output to a constant");
    return { spec: "output", from };
  }
  return { spec: into === INTO_LOAD ? "load" : "match", from, to: readReference(r, bits) };
}

function writeSpec(w: Writer, one: LearnSpec): void {
  const { from } = one;
  const into = one.spec === "output" ? INTO_OUTPUT : one.spec === "load" ? INTO_LOAD : 0;
  const bits = one.spec === "output" ? one.from.bits : one.to.bits;
  if (bits > BITS_MASK) throw new EncodeError("out-of-range", one.spec, `${bits} bits`);
  if (typeof from === "object") {
    if (from.bits !== bits) throw new EncodeError("bad-value", from.field, `${from.bits} bits into ${bits}`);
    w.u16(into | bits);
    writeReference(w, from);
  } else {
    const value = BigInt(from);
    if (value >> BigInt(bits) !== 0n) throw new EncodeError("out-of-range", one.spec, `${value} in ${bits} bits`);
    w.u16(FROM_VALUE | into | bits).uint(value, Math.ceil(bits / 16) * 2, one.spec);
  }
  if (one.spec !== "output") writeReference(w, one.to);
}

function isLong({ limit, result }: Learn): boolean {
  return limit !== undefined || result !== undefined;
}

const learn = (long: boolean): Codec<Learn> => ({
  read(r) {
    const idle = r.u16("idle_timeout");
    const hard = r.u16("hard_timeout");
    const priority = r.u16("priority");
    const cookie = r.u64("cookie");
    const flags = r.u16("flags");
    const table = r.u8("table");
    r.skip(1);
    const finIdle = r.u16("fin_idle_timeout");
    const finHard = r.u16("fin_hard_timeout");
    const limit = long ? r.u32("limit") : 0;
    const resultStart = long ? r.u16("result") : 0;
    if (long) r.skip(2);
    const result = flags & WRITE_RESULT ? subField(r, readOxmHeader(r), resultStart, 1) : undefined;
    const specs: LearnSpec[] = [];
    while (r.remaining >= 2) {
      const one = readSpec(r);
      if (one === undefined) break;
      specs.push(one);
    }
    return {
      table,
      priority,
      ...(cookie !== 0n && { cookie }),
      ...(idle !== 0 && { idleTimeoutSeconds: idle }),
      ...(hard !== 0 && { hardTimeoutSeconds: hard }),
      ...(finIdle !== 0 && { finIdleTimeoutSeconds: finIdle }),
      ...(finHard !== 0 && { finHardTimeoutSeconds: finHard }),
      ...(flags & SEND_FLOW_REM && { sendFlowRemoved: true as const }),
      ...(flags & DELETE_LEARNED && { deleteLearned: true as const }),
      ...(limit !== 0 && { limit }),
      ...(result && { result }),
      specs,
    };
  },
  write(w, value) {
    const { result } = value;
    const flags =
      (value.sendFlowRemoved ? SEND_FLOW_REM : 0) |
      (value.deleteLearned ? DELETE_LEARNED : 0) |
      (result === undefined ? 0 : WRITE_RESULT);
    if (value.table > 254) throw new EncodeError("out-of-range", "table", `${value.table} is not 0..254`);
    w.u16(value.idleTimeoutSeconds ?? 0, "idleTimeoutSeconds")
      .u16(value.hardTimeoutSeconds ?? 0, "hardTimeoutSeconds")
      .u16(value.priority, "priority")
      .u64(value.cookie ?? 0n, "cookie")
      .u16(flags)
      .u8(value.table, "table")
      .zeros(1)
      .u16(value.finIdleTimeoutSeconds ?? 0, "finIdleTimeoutSeconds")
      .u16(value.finHardTimeoutSeconds ?? 0, "finHardTimeoutSeconds");
    if (long) {
      w.u32(value.limit ?? 0, "limit")
        .u16(result?.start ?? 0)
        .zeros(2);
      if (result !== undefined) putLegacyHeader(w, referencedRow(result));
    }
    for (const one of value.specs) writeSpec(w, one);
  },
});

/** Flows that make flows. */
export const LEARN_ACTIONS = {
  learn: action(
    learnText,
    nicira(16, learn(false), (a) => !isLong(a)),
    nicira(45, learn(true)),
  ),
} as const;
