import { type Codec, EncodeError, type Reader, u16, type Writer } from "@dragonflow/wire";
import { packRange, putShortHeader, referencedRow, type SubField, subField, unpackRange } from "../fields/subfield.ts";
import { readOxmHeader } from "../fields/value.ts";
import { named } from "../layout.ts";
import type { ActionText, TextContext } from "../text/action-text.ts";
import { type Names, parsePort, printPort } from "../text/names.ts";
import { parseNumber } from "../text/number.ts";
import type { Piece } from "../text/piece.ts";
import { splitWords } from "../text/piece.ts";
import { parseSubField, printSubField } from "../text/sub-field.ts";
import { action, nicira } from "./row.ts";
import { port16 } from "./steering.ts";

/** What a hash is computed over (NX_HASH_FIELDS_*). */
const HASH_FIELDS = {
  eth_src: 0,
  symmetric_l4: 1,
  symmetric_l3l4: 2,
  "symmetric_l3l4+udp": 3,
  nw_src: 4,
  nw_dst: 5,
  symmetric_l3: 6,
} as const;
export type HashFields = keyof typeof HASH_FIELDS;
const hashFields = named(u16, HASH_FIELDS);

const LINK_ALGORITHMS = { modulo_n: 0, hash_threshold: 1, hrw: 2, iter_hash: 3 } as const;
const linkAlgorithm = named(u16, LINK_ALGORITHMS);

/** Stores the number of one of `links` links, chosen by a hash of the packet, in `dst`. */
export interface Multipath {
  readonly fields: HashFields;
  /** Different values make different hash functions. */
  readonly basis: number;
  readonly algorithm: keyof typeof LINK_ALGORITHMS;
  /** How many there are to choose from, 1..65536. */
  readonly links: number;
  /** For `iter_hash`. */
  readonly arg: number;
  readonly dst: SubField;
}

const multipath: Codec<Multipath> = {
  read(r) {
    const fields = hashFields.read(r);
    const basis = r.u16("basis");
    r.skip(2);
    const algorithm = linkAlgorithm.read(r);
    const links = r.u16("max_link") + 1;
    const arg = r.u32("arg");
    r.skip(2);
    const { start, bits } = unpackRange(r.u16("range"));
    return { fields, basis, algorithm, links, arg, dst: subField(r, readOxmHeader(r), start, bits) };
  },
  write(w, { fields, basis, algorithm, links, arg, dst }) {
    if (links < 1 || (dst.bits < 16 && links > 2 ** dst.bits)) {
      throw new EncodeError("out-of-range", "links", `${links} do not fit ${dst.bits} bits`);
    }
    hashFields.write(w, fields, "fields");
    w.u16(basis, "basis").zeros(2);
    linkAlgorithm.write(w, algorithm, "algorithm");
    w.u16(links - 1, "links")
      .u32(arg, "arg")
      .zeros(2)
      .u16(packRange(dst));
    putShortHeader(w, referencedRow(dst));
  },
};

const MEMBER_ALGORITHMS = { active_backup: 0, hrw: 1 } as const;
const memberAlgorithm = named(u16, MEMBER_ALGORITHMS);

/** Outputs to one of the ports that are up. */
export interface Bundle {
  readonly fields: HashFields;
  readonly basis: number;
  readonly algorithm: keyof typeof MEMBER_ALGORITHMS;
  readonly members: readonly number[];
}
/** Stores the number of the chosen port in `dst`, at least 16 bits. */
export interface BundleLoad extends Bundle {
  readonly dst: SubField;
}

/** Members are ports: the header of NXM_OF_IN_PORT. */
const MEMBER_TYPE = 0x0000_0002;

interface BundleHead {
  readonly bundle: Omit<Bundle, "members">;
  readonly count: number;
}

function readHead(r: Reader): BundleHead {
  const algorithm = memberAlgorithm.read(r);
  const fields = hashFields.read(r);
  const basis = r.u16("basis");
  if (r.u32("member_type") !== MEMBER_TYPE) r.fail("members that are not ports");
  return { bundle: { fields, basis, algorithm }, count: r.u16("n_members") };
}

function readMembers(r: Reader, count: number): readonly number[] {
  r.skip(4);
  if (count * 2 > r.remaining) r.fail(`${count} members`, "truncated");
  return Array.from({ length: count }, () => port16.read(r));
}

function writeHead(w: Writer, { algorithm, fields, basis, members }: Bundle): void {
  memberAlgorithm.write(w, algorithm, "algorithm");
  hashFields.write(w, fields, "fields");
  w.u16(basis, "basis").u32(MEMBER_TYPE).u16(members.length, "members");
}

function writeMembers(w: Writer, members: readonly number[]): void {
  w.zeros(4);
  for (const member of members) port16.write(w, member, "members");
}

const bundle: Codec<Bundle> = {
  read(r) {
    const head = readHead(r);
    r.skip(6);
    return { ...head.bundle, members: readMembers(r, head.count) };
  },
  write(w, value) {
    writeHead(w, value);
    w.zeros(6);
    writeMembers(w, value.members);
  },
};
const bundleLoad: Codec<BundleLoad> = {
  read(r) {
    const head = readHead(r);
    const { start, bits } = unpackRange(r.u16("range"));
    const dst = subField(r, readOxmHeader(r), start, bits);
    return { ...head.bundle, dst, members: readMembers(r, head.count) };
  },
  write(w, value) {
    const { dst, members } = value;
    if (dst.bits < 16) throw new EncodeError("out-of-range", dst.field, "a port needs 16 bits");
    writeHead(w, value);
    w.u16(packRange(dst));
    putShortHeader(w, referencedRow(dst));
    writeMembers(w, members);
  },
};

/** One of the names, in any case. */
function oneOf<const N extends Readonly<Record<string, number>>>(
  words: readonly Piece[],
  index: number,
  list: Piece,
  names: N,
): keyof N & string {
  const piece = word(words, index, list);
  const text = piece.text.toLowerCase();
  for (const name in names) if (name === text) return name;
  return piece.fail("bad-value", `"${text}" is none of ${Object.keys(names).join(", ")}`);
}

function word(words: readonly Piece[], index: number, list: Piece): Piece {
  return words[index] ?? list.fail("missing", `argument ${index + 1}`);
}

function parseMembers(list: Piece, words: readonly Piece[], from: number, { numbers }: TextContext): readonly number[] {
  const delimiter = word(words, from, list);
  const first = /^(?:members|slaves):?(.*)$/.exec(delimiter.text);
  if (first === null) return delimiter.fail("missing", "members:");
  const behind = delimiter.slice(delimiter.text.length - (first[1] ?? "").length);
  return [behind, ...words.slice(from + 1)].filter((one) => !one.empty).map((one) => parsePort(one, numbers));
}

function parseBundle(list: Piece): { readonly words: readonly Piece[]; readonly head: Omit<Bundle, "members"> } {
  const words = splitWords(list);
  const type = word(words, 3, list);
  if (type.text !== "ofport") type.fail("bad-value", `members of type "${type.text}"`);
  const head = {
    fields: oneOf(words, 0, list, HASH_FIELDS),
    basis: parseNumber(word(words, 1, list), 16, "basis"),
    algorithm: oneOf(words, 2, list, MEMBER_ALGORITHMS),
  };
  return { words, head };
}

const multipathText: ActionText<Multipath> = {
  print: ({ fields, basis, algorithm, links, arg, dst }) =>
    `multipath(${fields},${basis},${algorithm},${links},${arg},${printSubField(dst)})`,
  keywords: {
    multipath({ value: list }) {
      const words = splitWords(list);
      return {
        fields: oneOf(words, 0, list, HASH_FIELDS),
        basis: parseNumber(word(words, 1, list), 16, "basis"),
        algorithm: oneOf(words, 2, list, LINK_ALGORITHMS),
        links: parseNumber(word(words, 3, list), 17, "links"),
        arg: parseNumber(word(words, 4, list), 32, "arg"),
        dst: parseSubField(word(words, 5, list)),
      };
    },
  },
};
function printMembers(members: readonly number[], names: Names): string {
  return `members:${members.map((port) => printPort(port, names)).join(",")}`;
}

const bundleText: ActionText<Bundle> = {
  print: ({ fields, basis, algorithm, members }, names) =>
    `bundle(${fields},${basis},${algorithm},ofport,${printMembers(members, names)})`,
  keywords: {
    bundle({ value: list }, context) {
      const { words, head } = parseBundle(list);
      return { ...head, members: parseMembers(list, words, 4, context) };
    },
  },
};
const bundleLoadText: ActionText<BundleLoad> = {
  print: ({ fields, basis, algorithm, members, dst }, names) =>
    `bundle_load(${fields},${basis},${algorithm},ofport,${printSubField(dst)},${printMembers(members, names)})`,
  keywords: {
    bundle_load({ value: list }, context) {
      const { words, head } = parseBundle(list);
      return { ...head, dst: parseSubField(word(words, 4, list)), members: parseMembers(list, words, 5, context) };
    },
  },
};

/** Nicira's actions that choose one of several by a hash. */
export const BALANCING_ACTIONS = {
  multipath: action(multipathText, nicira(10, multipath)),
  bundle: action(bundleText, nicira(12, bundle)),
  bundle_load: action(bundleLoadText, nicira(13, bundleLoad)),
} as const;
