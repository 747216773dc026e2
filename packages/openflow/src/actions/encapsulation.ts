import { type Codec, DecodeError, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { fieldRow } from "../fields/lookup.ts";
import { putLegacyHeader } from "../fields/subfield.ts";
import { readOxmHeader } from "../fields/value.ts";
import type { FieldName } from "../fields/table.ts";
import { structure } from "../layout.ts";
import { type ActionText, bare, required } from "../text/action-text.ts";
import { hexDigits, parseHexBytes, parseNumber } from "../text/number.ts";
import { Piece, splitArguments } from "../text/piece.ts";
import { parseField } from "../text/sub-field.ts";
import { fieldText, parsePacketType } from "../text/value.ts";
import { action, nicira } from "./row.ts";

/** A variable-length context header of NSH (RFC 8300 section 2.5.1). */
export interface NshTlv {
  readonly class: number;
  readonly type: number;
  readonly value: Uint8Array;
}
export type NshProperty = { readonly mdType: number } | { readonly tlv: NshTlv };

const HEADERS = { ethernet: 0, nsh: 0x0001_894f, mpls: 0x0001_8847, mpls_mc: 0x0001_8848 } as const;
export type EncapHeader = keyof typeof HEADERS;

/** Pushes a header in front of the packet. */
export interface Encap {
  readonly header: EncapHeader;
  /** Of the new NSH header; only with it. */
  readonly properties?: readonly NshProperty[];
}

/** Removes the outermost header. */
export interface Decap {
  /** What the packet is then (namespace << 16 | type). Absent: what the removed header says. */
  readonly packetType?: number;
}

const NSH_CLASS = 4;
const MD_TYPE = 1;
const TLV = 2;
const USE_NEXT_PROTO = 0xfffe;

function headerOf(packetType: number): EncapHeader | undefined {
  for (const name in HEADERS) if (isHeader(name) && HEADERS[name] === packetType) return name;
  return undefined;
}

function isHeader(name: string): name is EncapHeader {
  return Object.hasOwn(HEADERS, name);
}

function readProperty(r: Reader): NshProperty {
  const at = r.offset;
  const propertyClass = r.u16("property class");
  const type = r.u8("property type");
  const length = r.u8("property length");
  if (propertyClass !== NSH_CLASS) throw new DecodeError("unsupported", at, `property class ${propertyClass}`);
  if (length < 4) throw new DecodeError("bad-length", at, `a property of ${length} bytes`);
  const body = r.sub(length - 4, "property");
  r.skip((8 - (length % 8)) % 8, "property padding");
  if (type === MD_TYPE) return { mdType: body.u8("md_type") };
  if (type !== TLV) throw new DecodeError("unsupported", at, `NSH property ${type}`);
  const tlvClass = body.u16("tlv class");
  const tlvType = body.u8("tlv type");
  return { tlv: { class: tlvClass, type: tlvType, value: body.bytes(body.u8("tlv length")).slice() } };
}

function writeProperty(w: Writer, property: NshProperty): void {
  w.u16(NSH_CLASS);
  if ("mdType" in property) {
    w.u8(MD_TYPE).u8(5).u8(property.mdType, "mdType").zeros(3);
    return;
  }
  const { class: tlvClass, type, value } = property.tlv;
  if (value.length > 127) throw new EncodeError("too-long", "tlv", `${value.length} bytes, 127 fit`);
  const padding = (8 - (value.length % 8)) % 8;
  w.u8(TLV)
    .u8(8 + value.length + padding)
    .u16(tlvClass, "tlv")
    .u8(type, "tlv")
    .u8(value.length);
  w.bytes(value).zeros(padding);
}

const encap: Codec<Encap> = {
  read(r) {
    const at = r.offset;
    r.skip(2);
    const packetType = r.u32("new_pkt_type");
    const header = headerOf(packetType);
    if (header === undefined) throw new DecodeError("unsupported", at, `a header of packet type ${packetType}`);
    const properties: NshProperty[] = [];
    while (!r.done) properties.push(readProperty(r));
    return { header, ...(properties.length > 0 && { properties }) };
  },
  write(w, { header, properties = [] }) {
    if (!isHeader(header)) throw new EncodeError("bad-value", "header", `${String(header)} is not a header`);
    w.zeros(2).u32(HEADERS[header]);
    for (const property of properties) writeProperty(w, property);
  },
};

const decap: Codec<Decap> = {
  read(r) {
    r.skip(2);
    const packetType = r.u32("new_pkt_type");
    return packetType === USE_NEXT_PROTO ? {} : { packetType };
  },
  write: (w, { packetType }) => void w.zeros(2).u32(packetType ?? USE_NEXT_PROTO, "packetType"),
};

const deleteField: Codec<{ readonly field: FieldName }> = {
  read: (r) => ({ field: readOxmHeader(r).name }),
  write(w, { field }) {
    const start = w.length;
    putLegacyHeader(w, fieldRow(field));
    w.zeros(14 - (w.length - start));
  },
};

function printProperty(property: NshProperty): string {
  if ("mdType" in property) return `md_type=${property.mdType}`;
  const { class: tlvClass, type, value } = property.tlv;
  // A number: zeros in front are not printed.
  const digits = Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `tlv(${hexDigits(tlvClass, 4)},${type},0x${digits.replace(/^0+(?=.)/, "")})`;
}

function parseTlv(piece: Piece): NshTlv {
  const found = /^(0x[0-9a-f]+),(\d+),0x([0-9a-f]+)$/i.exec(piece.text);
  if (found === null) piece.fail("bad-value", `"${piece.text}" is not (class,type,0xvalue)`);
  const [, tlvClass = "", type = "", digits = ""] = found;
  // A number: zeros in front are not printed.
  const value = parseHexBytes(new Piece(digits.length % 2 === 0 ? digits : `0${digits}`, piece.offset), "tlv");
  return {
    class: parseNumber(piece.slice(0, tlvClass.length), 16, "tlv class"),
    type: parseNumber(piece.slice(tlvClass.length + 1, tlvClass.length + 1 + type.length), 8, "tlv type"),
    value,
  };
}

function parseProperties(list: Piece): NshProperty[] {
  return Array.from(splitArguments(list), ({ key, value }): NshProperty => {
    if (key.text === "md_type") return { mdType: parseNumber(required(key, value), 8, "md_type") };
    if (key.text === "tlv") return { tlv: parseTlv(value) };
    return key.fail("unknown-keyword", `no property "${key.text}"`);
  });
}

const encapText: ActionText<Encap> = {
  print: ({ header, properties = [] }) =>
    `encap(${header}${properties.length === 0 ? "" : `(${properties.map(printProperty).join(",")})`})`,
  keywords: {
    encap({ key, value: list }) {
      const [inner] = splitArguments(list);
      if (inner === undefined) return key.fail("missing", "encap(header)");
      const header = inner.key.text;
      if (!isHeader(header))
        return inner.key.fail("bad-value", `"${header}" is none of ${Object.keys(HEADERS).join(", ")}`);
      const properties = parseProperties(inner.value);
      return { header, ...(properties.length > 0 && { properties }) };
    },
  },
};
const decapText: ActionText<Decap> = {
  print({ packetType }) {
    if (packetType === undefined) return "decap()";
    return `decap(packet_type(ns=${packetType >>> 16},type=${hexOfType(packetType & 0xffff)}))`;
  },
  keywords: {
    decap({ value: list }) {
      const [inner] = splitArguments(list);
      if (inner === undefined) return {};
      if (inner.key.text !== "packet_type")
        return inner.key.fail("unknown-keyword", `decap has no argument "${inner.key.text}"`);
      return { packetType: parseNextType(inner.value) };
    },
  },
};

function hexOfType(type: number): string {
  return type === 0 ? "0" : `0x${type.toString(16)}`;
}

/** `ns=N,type=T`, or `N,T`. */
function parseNextType(list: Piece): number {
  let namespace = 0;
  let type = 0;
  for (const { key, value } of splitArguments(list)) {
    if (key.text === "ns") namespace = parseNumber(value, 16, "ns");
    else if (key.text === "type") type = parseNumber(value, 16, "type");
    else return parsePacketType(list);
  }
  return namespace * 0x1_0000 + type;
}

const deleteFieldText: ActionText<{ readonly field: FieldName }> = {
  print: ({ field }) => `delete_field:${fieldText(fieldRow(field))}`,
  keywords: { delete_field: ({ value }) => ({ field: parseField(value).name }) },
};

/** Actions on whole headers. */
export const ENCAPSULATION_ACTIONS = {
  encap: action(encapText, nicira(46, encap)),
  decap: action(decapText, nicira(47, decap)),
  dec_nsh_ttl: action(bare("dec_nsh_ttl"), nicira(48, structure({}))),
  delete_field: action(deleteFieldText, nicira(50, deleteField)),
} as const;
