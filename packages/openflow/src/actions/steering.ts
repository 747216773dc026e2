import { type Codec, EncodeError, padding, u16, u32 } from "@dragonflow/wire";
import { widenPort } from "../fields/canonical.ts";
import {
  packRange,
  putLegacyHeader,
  putShortHeader,
  referencedRow,
  type SubField,
  subField,
  unpackRange,
} from "../fields/subfield.ts";
import { readOxmHeader } from "../fields/value.ts";
import { optional, structure } from "../layout.ts";
import { PortNumber } from "../numbers.ts";
import { type ActionText, bare, call, readArguments } from "../text/action-text.ts";
import { parsePort, parseTable, printPort, printTable } from "../text/names.ts";
import { dottedHex, parseHexBytes, parseNumber } from "../text/number.ts";
import { Piece } from "../text/piece.ts";
import { parseSubField, printSubField } from "../text/sub-field.ts";
import { type ActionList, nestedActions, nestedText } from "./nested.ts";
import { action, nicira } from "./row.ts";

/** A 32-bit port number in the 16 bits of OpenFlow 1.0, where the reserved ports are the highest numbers. */
export const port16: Codec<number> = {
  read: (r) => widenPort(r.u16("port")),
  write(w, port, field) {
    const narrow = port >= PortNumber.max ? port - 0xffff0000 : port;
    if (narrow >= 0xff00 !== port >= PortNumber.max)
      throw new EncodeError("out-of-range", field, `${port} is not a port of 16 bits`);
    w.u16(narrow, field);
  },
};

/** Outputs to the port whose number stands in `src`. */
export interface OutputReg {
  readonly src: SubField;
  /** Bytes of the packet that a controller gets; absent: all of it. */
  readonly maxLen?: number;
}

const WHOLE = 0xffff;

const outputReg: Codec<OutputReg> = {
  read(r) {
    const { start, bits } = unpackRange(r.u16("range"));
    const src = subField(r, readOxmHeader(r), start, bits);
    const maxLen = r.u16("max_len");
    return { src, ...(maxLen !== WHOLE && { maxLen }) };
  },
  write(w, { src, maxLen }) {
    w.u16(packRange(src));
    putShortHeader(w, referencedRow(src));
    w.u16(maxLen ?? WHOLE, "maxLen").zeros(6);
  },
};

const outputRegLong: Codec<OutputReg> = {
  read(r) {
    const { start, bits } = unpackRange(r.u16("range"));
    const maxLen = r.u16("max_len");
    const src = subField(r, readOxmHeader(r), start, bits);
    return { src, ...(maxLen !== WHOLE && { maxLen }) };
  },
  write(w, { src, maxLen }) {
    const start = w.length;
    w.u16(packRange(src)).u16(maxLen ?? WHOLE, "maxLen");
    putLegacyHeader(w, referencedRow(src));
    w.zeros(14 - (w.length - start));
  },
};

const outputRegText: ActionText<OutputReg> = { print: ({ src }) => `output:${printSubField(src)}`, keywords: {} };

const outputTruncText: ActionText<{ readonly port: number; readonly maxLen: number }> = {
  print: ({ port, maxLen }, names) => `output(port=${printPort(port, names)},max_len=${maxLen})`,
  keywords: {},
};

/**
 * Looks the packet up again as if it came in by `port` (absent: as it did), in `table` (absent: this one), and goes on.
 */
export interface Resubmit {
  readonly port?: number;
  readonly table?: number;
  /** With the fields of the original connection in place of the packet's. */
  readonly ct?: true;
}

const SAME_TABLE = 0xff;

function resubmitTo(ct: boolean): Codec<Resubmit> {
  return {
    read(r) {
      const port = port16.read(r);
      const table = r.u8("table");
      r.skip(3);
      return spellResubmit(port, table, ct);
    },
    write(w, { port, table }) {
      port16.write(w, port ?? PortNumber.inPort, "port");
      w.u8(table ?? SAME_TABLE, "table").zeros(3);
    },
  };
}

function spellResubmit(port: number, table: number, ct: boolean): Resubmit {
  return {
    ...(port !== PortNumber.inPort && { port }),
    ...(table !== SAME_TABLE && { table }),
    ...(ct && { ct: true }),
  };
}

const resubmitPort: Codec<Resubmit> = {
  read(r) {
    const port = port16.read(r);
    r.skip(4);
    return spellResubmit(port, SAME_TABLE, false);
  },
  write(w, { port }) {
    port16.write(w, port ?? PortNumber.inPort, "port");
    w.zeros(4);
  },
};

const resubmitText: ActionText<Resubmit> = {
  print({ port, table, ct }, names) {
    const shownPort = port === undefined ? "" : printPort(port, names);
    if (port !== undefined && table === undefined) return `resubmit:${shownPort}`;
    return `resubmit(${shownPort},${table === undefined ? "" : printTable(table, names)}${ct ? ",ct" : ""})`;
  },
  keywords: {
    resubmit({ value }, { numbers }) {
      const [port, behind = new Piece("")] = value.split(",") ?? [value];
      const [table, ct] = behind.split(",") ?? [behind];
      if (ct !== undefined && !ct.empty && ct.text !== "ct") ct.fail("bad-value", `"${ct.text}" is not ct`);
      return spellResubmit(
        port.empty ? PortNumber.inPort : parsePort(port, numbers),
        table.empty ? SAME_TABLE : parseTable(table, numbers),
        ct?.text === "ct",
      );
    },
  },
};

/** Part `clause` (counted from 0) of `clauses` of the conjunction `id`. */
export interface Conjunction {
  readonly id: number;
  readonly clause: number;
  readonly clauses: number;
}

const conjunction: Codec<Conjunction> = {
  read(r) {
    const clause = r.u8("clause");
    const clauses = r.u8("n_clauses");
    if (clauses < 2 || clauses > 64 || clause >= clauses) r.fail(`clause ${clause} of ${clauses}`);
    return { id: r.u32("id"), clause, clauses };
  },
  write(w, { id, clause, clauses }) {
    if (clauses < 2 || clauses > 64) throw new EncodeError("out-of-range", "clauses", `${clauses} is not 2..64`);
    if (clause >= clauses) throw new EncodeError("out-of-range", "clause", `${clause} of ${clauses}`);
    w.u8(clause, "clause").u8(clauses, "clauses").u32(id, "id");
  },
};

const conjunctionText: ActionText<Conjunction> = {
  print: ({ id, clause, clauses }) => `conjunction(${id},${clause + 1}/${clauses})`,
  keywords: {
    conjunction({ value }) {
      const [id, part] = value.split(",") ?? value.fail("missing", "conjunction(id,clause/clauses)");
      const [clause, clauses] = part.split("/") ?? part.fail("missing", "conjunction(id,clause/clauses)");
      const number = parseNumber(clause, 8, "clause");
      if (number === 0) clause.fail("out-of-range", "clauses are counted from 1");
      return {
        id: parseNumber(id, 32, "conjunction"),
        clause: number - 1,
        clauses: parseNumber(clauses, 8, "clauses"),
      };
    },
  },
};

const stack: Codec<{ readonly field: SubField }> = {
  read(r) {
    const start = r.u16("offset");
    const row = readOxmHeader(r);
    return { field: subField(r, row, start, r.u16("n_bits")) };
  },
  write(w, { field }) {
    const begin = w.length;
    w.u16(field.start, "start");
    putLegacyHeader(w, referencedRow(field));
    w.u16(field.bits, "bits");
    w.zeros(14 - (w.length - begin));
  },
};

function stackText(keyword: "push" | "pop"): ActionText<{ readonly field: SubField }> {
  return {
    print: ({ field }) => `${keyword}:${printSubField(field)}`,
    keywords: { [keyword]: ({ value }) => ({ field: parseSubField(value) }) },
  };
}

/** `dst`, one bit, becomes 1 when the packet is longer than `bytes`. */
export interface CheckPacketLarger {
  readonly bytes: number;
  readonly dst: SubField;
}

const checkPacketLarger: Codec<CheckPacketLarger> = {
  read(r) {
    const bytes = r.u16("pkt_len");
    const start = r.u16("offset");
    return { bytes, dst: subField(r, readOxmHeader(r), start, 1) };
  },
  write(w, { bytes, dst }) {
    if (dst.bits !== 1) throw new EncodeError("bad-value", dst.field, "only one bit can hold the answer");
    const begin = w.length;
    w.u16(bytes, "bytes").u16(dst.start, "start");
    putLegacyHeader(w, referencedRow(dst));
    w.zeros(14 - (w.length - begin));
  },
};

const checkPacketLargerText: ActionText<CheckPacketLarger> = {
  print: ({ bytes, dst }) => `check_pkt_larger(${bytes})->${printSubField(dst)}`,
  keywords: {
    check_pkt_larger: ({ key, value, target }) => ({
      bytes: parseNumber(value, 16, "check_pkt_larger"),
      dst: parseSubField(target ?? key.fail("missing", "check_pkt_larger(bytes)->field[bit]")),
    }),
  },
};

/** Bytes that mean nothing to the switch; it fills them up with zeros to 6, 14, 22 ... */
const note: Codec<{ readonly bytes: Uint8Array }> = {
  read: (r) => ({ bytes: r.rest().slice() }),
  write: (w, { bytes }) => void w.bytes(bytes),
};

const noteText: ActionText<{ readonly bytes: Uint8Array }> = {
  print: ({ bytes }) => `note:${dottedHex(bytes)}`,
  keywords: { note: ({ value }) => ({ bytes: padNote(parseHexBytes(value, "note")) }) },
};

/** To where the action ends anyway. */
function padNote(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((bytes.length + 10) / 8) * 8 - 10);
  padded.set(bytes);
  return padded;
}

const clone: Codec<{ readonly actions: ActionList }> = {
  read(r) {
    r.skip(6);
    return { actions: nestedActions.read(r) };
  },
  write(w, { actions }) {
    w.zeros(6);
    nestedActions.write(w, actions);
  },
};

const cloneText: ActionText<{ readonly actions: ActionList }> = {
  print: ({ actions }, names) => `clone(${nestedText.print(actions, names)})`,
  keywords: { clone: ({ value }, context) => ({ actions: nestedText.parse(value, context) }) },
};

/** Shortens the timeouts of the flow once a TCP connection ends. */
export interface FinTimeout {
  readonly idleTimeoutSeconds?: number;
  readonly hardTimeoutSeconds?: number;
}

const finTimeout: Codec<FinTimeout> = structure({
  idleTimeoutSeconds: optional(u16, 0),
  hardTimeoutSeconds: optional(u16, 0),
  reserved: padding(2),
});
const finTimeoutText: ActionText<FinTimeout> = {
  print: ({ idleTimeoutSeconds: idle, hardTimeoutSeconds: hard }) =>
    call("fin_timeout", [idle !== undefined && `idle_timeout=${idle}`, hard !== undefined && `hard_timeout=${hard}`]),
  keywords: {
    fin_timeout({ value }) {
      let idle = 0;
      let hard = 0;
      readArguments(value, "fin_timeout", {
        idle_timeout: (argument) => (idle = parseNumber(argument.value, 16, "idle_timeout")),
        hard_timeout: (argument) => (hard = parseNumber(argument.value, 16, "hard_timeout")),
      });
      return { ...(idle > 0 && { idleTimeoutSeconds: idle }), ...(hard > 0 && { hardTimeoutSeconds: hard }) };
    },
  },
};

/** Nicira's actions that say where a packet goes and what is kept of it on the way. */
export const STEERING_ACTIONS = {
  output_reg: action(
    outputRegText,
    nicira(15, outputReg, ({ src }) => !isExperimenter(src)),
    nicira(32, outputRegLong),
  ),
  output_trunc: action(outputTruncText, nicira(39, structure({ port: port16, maxLen: u32 }))),
  resubmit: action(
    resubmitText,
    nicira(14, resubmitTo(false), (a) => a.ct === undefined),
    nicira(44, resubmitTo(true)),
    nicira(1, resubmitPort),
  ),
  conjunction: action(conjunctionText, nicira(34, conjunction)),
  push: action(stackText("push"), nicira(27, stack)),
  pop: action(stackText("pop"), nicira(28, stack)),
  check_pkt_larger: action(checkPacketLargerText, nicira(49, checkPacketLarger)),
  clone: action(cloneText, nicira(42, clone)),
  note: action(noteText, nicira(8, note)),
  exit: action(bare("exit"), nicira(17, structure({}))),
  fin_timeout: action(finTimeoutText, nicira(19, finTimeout)),
} as const;

function isExperimenter(reference: SubField): boolean {
  return referencedRow(reference).field.identities.every((oxm) => oxm.experimenter !== undefined);
}
