import { type Codec, DecodeError, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { packRange, putShortHeader, referencedRow, type SubField, subField, unpackRange } from "../fields/subfield.ts";
import { readOxmHeader } from "../fields/value.ts";
import { structure } from "../layout.ts";
import { bare } from "../text/action-text.ts";
import { ctText } from "../text/conntrack.ts";
import type { ConnTrack, Nat, NatAddresses } from "./conntrack-types.ts";
import { nestedActions } from "./nested.ts";
import type { Action } from "./table.ts";
import { action, nicira } from "./row.ts";

const COMMIT = 1;
const FORCE = 2;
const NO_TABLE = 0xff;
const EXPERIMENTER = 0xffff;
const NICIRA = 0x2320;
const NAT = 36;

const SRC = 1;
const DST = 2;
const PERSISTENT = 4;
const HASH = 8;
const RANDOM = 16;
const IPV4_FIRST = 1;
const IPV4_LAST = 2;
const IPV6_FIRST = 4;
const IPV6_LAST = 8;
const PORT_FIRST = 16;
const PORT_LAST = 32;

function writeNat(w: Writer, nat: Nat): void {
  const start = w.length;
  const { translate, addresses, ports } = nat;
  if (translate === undefined && (addresses ?? ports ?? nat.persistent ?? nat.select) !== undefined) {
    throw new EncodeError("bad-value", "nat", "says how to translate, but not what (src or dst)");
  }
  const flags =
    (translate === "src" ? SRC : translate === "dst" ? DST : 0) |
    (nat.persistent ? PERSISTENT : 0) |
    (nat.select === "hash" ? HASH : nat.select === "random" ? RANDOM : 0);
  let present = 0;
  if (addresses?.version === 4) present |= IPV4_FIRST | (addresses.last === undefined ? 0 : IPV4_LAST);
  if (addresses?.version === 6) present |= IPV6_FIRST | (addresses.last === undefined ? 0 : IPV6_LAST);
  if (ports !== undefined) present |= PORT_FIRST | (ports.last === undefined ? 0 : PORT_LAST);
  w.u16(EXPERIMENTER).u16(0).u32(NICIRA).u16(NAT).zeros(2).u16(flags).u16(present);
  if (addresses?.version === 4) {
    w.u32(addresses.first, "nat");
    if (addresses.last !== undefined) w.u32(addresses.last, "nat");
  } else if (addresses !== undefined) {
    w.uint(addresses.first, 16, "nat");
    if (addresses.last !== undefined) w.uint(addresses.last, 16, "nat");
  }
  if (ports !== undefined) {
    w.u16(ports.first, "nat");
    if (ports.last !== undefined) w.u16(ports.last, "nat");
  }
  w.align(8, start);
  w.setU16(start + 2, w.length - start);
}

/** Reads what stands behind the subtype. */
function readNat(r: Reader): Nat {
  const at = r.offset;
  r.skip(2);
  const flags = r.u16("nat flags");
  const present = r.u16("nat range");
  if ((flags & SRC && flags & DST) || (present & 3 && present & 12))
    throw new DecodeError("bad-value", at, "nat both ways");
  let addresses: NatAddresses | undefined;
  if (present & IPV4_FIRST) {
    const first = r.u32("address");
    addresses = { version: 4, first, ...(present & IPV4_LAST && { last: r.u32("address") }) };
  } else if (present & IPV6_FIRST) {
    const first = r.uint(16, "address");
    addresses = { version: 6, first, ...(present & IPV6_LAST && { last: r.uint(16, "address") }) };
  }
  let ports: Nat["ports"];
  if (present & PORT_FIRST) {
    const first = r.u16("port");
    ports = { first, ...(present & PORT_LAST && { last: r.u16("port") }) };
  }
  return {
    ...(flags & SRC && { translate: "src" }),
    ...(flags & DST && { translate: "dst" }),
    ...(addresses && { addresses }),
    ...(ports && { ports }),
    ...(flags & PERSISTENT && { persistent: true }),
    ...(flags & HASH ? { select: "hash" } : flags & RANDOM && { select: "random" }),
  } as Nat;
}

function isNat(r: Reader): boolean {
  return (
    r.remaining >= 10 &&
    r.peekU16(0) === EXPERIMENTER &&
    r.peekU16(4) === NICIRA >>> 16 &&
    r.peekU16(6) === (NICIRA & 0xffff) &&
    r.peekU16(8) === NAT
  );
}

function readNatAction(r: Reader): Nat {
  r.skip(2);
  const length = r.u16("nat length");
  if (length < 16) r.fail(`a nat action of ${length} bytes`, "bad-length");
  const body = r.sub(length - 4, "nat");
  body.skip(6);
  return readNat(body);
}

const ct: Codec<ConnTrack> = {
  read(r) {
    const flags = r.u16("ct flags");
    const fromField = r.remaining >= 4 && (r.peekU16(0) !== 0 || r.peekU16(2) !== 0);
    let zone: number | SubField;
    if (fromField) {
      const row = readOxmHeader(r);
      const range = unpackRange(r.u16("zone"));
      zone = subField(r, row, range.start, range.bits);
    } else {
      r.skip(4);
      zone = r.u16("zone");
    }
    const table = r.u8("table");
    r.skip(3);
    const alg = r.u16("alg");
    let nat: Nat | undefined;
    const exec: Action[] = [];
    while (!r.done) {
      if (isNat(r)) {
        if (nat !== undefined) r.fail("nat twice");
        nat = readNatAction(r);
      } else exec.push(nestedActions.readOne(r));
    }
    return {
      ...(flags & COMMIT && { commit: true }),
      ...(flags & FORCE && { force: true }),
      ...(zone !== 0 && { zone }),
      ...(table !== NO_TABLE && { table }),
      ...(alg !== 0 && { alg }),
      ...(nat && { nat }),
      ...(exec.length > 0 && { exec }),
    } as ConnTrack;
  },
  write(w, { commit, force, zone, table, alg, nat, exec }) {
    if (force && !commit) throw new EncodeError("bad-value", "force", "without commit");
    if (table === NO_TABLE) throw new EncodeError("out-of-range", "table", "255 is none");
    w.u16((commit ? COMMIT : 0) | (force ? FORCE : 0));
    if (typeof zone === "object") {
      if (zone.bits !== 16) throw new EncodeError("bad-value", "zone", `is taken from 16 bits, not ${zone.bits}`);
      putShortHeader(w, referencedRow(zone));
      w.u16(packRange(zone));
    } else {
      w.zeros(4).u16(zone ?? 0, "zone");
    }
    w.u8(table ?? NO_TABLE, "table")
      .zeros(3)
      .u16(alg ?? 0, "alg");
    if (nat !== undefined) writeNat(w, nat);
    if (exec !== undefined) nestedActions.write(w, exec);
  },
};

export const CONNTRACK_ACTIONS = {
  ct: action(ctText, nicira(35, ct)),
  ct_clear: action(bare("ct_clear"), nicira(43, structure({}))),
} as const;
