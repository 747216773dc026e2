import { EncodeError } from "@dragonflow/wire";
import { withoutViews } from "../fields/canonical.ts";
import { fieldRow } from "../fields/lookup.ts";
import { ethertypeOf } from "../fields/prerequisites.ts";
import { widthOf } from "../fields/subfield.ts";
import type { FieldName } from "../fields/table.ts";
import type { Masked } from "../fields/value.ts";
import type { Match } from "../match.ts";
import type { NamedNumbers } from "./names.ts";
import { parseBigInt } from "./number.ts";
import { type Argument, Piece, TextError } from "./piece.ts";
import { fieldBySpelling, parseSubField } from "./sub-field.ts";
import { parseValue } from "./value.ts";

/** Words that stand for an Ethertype and an IP protocol. */
const PROTOCOLS: Readonly<Record<string, { readonly eth_type: number; readonly ip_proto?: number }>> = {
  ip: { eth_type: 0x0800 },
  ipv4: { eth_type: 0x0800 },
  ip4: { eth_type: 0x0800 },
  arp: { eth_type: 0x0806 },
  icmp: { eth_type: 0x0800, ip_proto: 1 },
  tcp: { eth_type: 0x0800, ip_proto: 6 },
  udp: { eth_type: 0x0800, ip_proto: 17 },
  sctp: { eth_type: 0x0800, ip_proto: 132 },
  ipv6: { eth_type: 0x86dd },
  ip6: { eth_type: 0x86dd },
  icmp6: { eth_type: 0x86dd, ip_proto: 58 },
  tcp6: { eth_type: 0x86dd, ip_proto: 6 },
  udp6: { eth_type: 0x86dd, ip_proto: 17 },
  sctp6: { eth_type: 0x86dd, ip_proto: 132 },
  rarp: { eth_type: 0x8035 },
  mpls: { eth_type: 0x8847 },
  mplsm: { eth_type: 0x8848 },
};

/** Labels of dump-flows that are no name of a field. */
const LABELS: Readonly<Record<string, FieldName>> = {
  in_port: "in_port",
  gtpu_flags: "tun_gtpu_flags",
  gtpu_msgtype: "tun_gtpu_msgtype",
  vlan_pcp: "dl_vlan_pcp",
};

/** OpenFlow 1.0 calls a packet without a tag VLAN 0xffff. */
const NO_VLAN = 0xffff;

type Terms = Record<string, number | bigint | Masked | undefined>;

/** Collects the parts of a match as text has them, in any order, and makes the canonical match of them. */
export class MatchReader {
  readonly #numbers: NamedNumbers;
  readonly #terms: Terms = {};
  readonly #offsets = new Map<string, number>();

  constructor(numbers: NamedNumbers) {
    this.#numbers = numbers;
  }

  /** Takes one argument of the text, if it belongs to a match. */
  take({ key, value }: Argument): boolean {
    const protocol = Object.hasOwn(PROTOCOLS, key.text) ? PROTOCOLS[key.text] : undefined;
    if (protocol !== undefined) {
      Object.assign(this.#terms, protocol);
      return true;
    }
    // Ethernet: what a match is about anyway.
    if (key.text === "eth") return true;
    if (key.text.includes("[")) {
      this.#takePart(key, value);
      return true;
    }
    const row = Object.hasOwn(LABELS, key.text) ? fieldRow(LABELS[key.text] ?? "in_port") : fieldBySpelling(key.text);
    if (row === undefined) return false;
    this.#offsets.set(row.name, key.offset);
    if (row.name === "dl_vlan" && Number(value.text) === NO_VLAN) {
      this.#terms["vlan_vid"] = 0;
      return true;
    }
    // Nothing behind the name: the option is there, whatever it holds.
    const text = value.empty && row.mapped ? new Piece("0/0", value.offset) : value;
    if (text.empty) throw new TextError("missing", key.offset, `${key.text} wants a value`);
    const { value: number, mask } = parseValue(row, text, this.#numbers);
    this.#terms[row.name] = mask === undefined ? number : { value: number, mask };
    return true;
  }

  /** `field[start..end]=value` */
  #takePart(key: Piece, value: Piece): void {
    const { field, start, bits } = parseSubField(key);
    const row = fieldRow(field);
    const typed = (one: bigint): number | bigint => (typeof row.ones === "bigint" ? one : Number(one));
    const old = this.#terms[field];
    const oldValue = BigInt(old === undefined ? 0 : typeof old === "object" ? old.value : old);
    const oldMask = BigInt(old === undefined ? 0 : typeof old === "object" ? old.mask : row.ones);
    const shift = BigInt(start);
    const partMask = ((1n << BigInt(bits)) - 1n) << shift;
    const part = parseBigInt(value, bits, field) << shift;
    const mask = oldMask | partMask;
    const merged = (oldValue & ~partMask) | part;
    const whole = bits === widthOf(row) || mask === BigInt(row.ones);
    this.#terms[field] = whole ? typed(merged) : { value: typed(merged), mask: typed(mask) };
  }

  /** The match in canonical form. */
  finish(): Match {
    this.#resolve();
    try {
      return dropEmpty(withoutViews(this.#terms as Match));
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      throw new TextError("conflict", this.#offsets.get(error.field) ?? 0, error.message);
    }
  }

  /** Names of OpenFlow 1.0 mean another field in ARP, ICMPv6, UDP and SCTP. */
  #resolve(): void {
    const terms = this.#terms;
    const match = terms as Match;
    const ethertype = ethertypeOf(match);
    if (ethertype === 0x0806 || ethertype === 0x8035) {
      this.#rename("ipv4_src", "arp_spa");
      this.#rename("ipv4_dst", "arp_tpa");
      this.#rename("ip_proto", "arp_op");
    }
    const transport = match.ip_proto === 17 ? "udp" : match.ip_proto === 132 ? "sctp" : undefined;
    if (transport !== undefined) {
      this.#rename("tcp_src", `${transport}_src`);
      this.#rename("tcp_dst", `${transport}_dst`);
    }
    if (ethertype === 0x86dd) {
      this.#rename("icmpv4_type", "icmpv6_type");
      this.#rename("icmpv4_code", "icmpv6_code");
    }
    if (match.packet_type === 0) delete terms["packet_type"];
  }

  #rename(from: string, to: string): void {
    const term = this.#terms[from];
    if (term === undefined) return;
    this.#terms[to] = term;
    delete this.#terms[from];
  }
}

/** Without fields whose every bit is open, and with value & mask. */
function dropEmpty(match: Match): Match {
  const kept: Terms = {};
  for (const [name, term] of Object.entries(match)) {
    if (typeof term === "object" && BigInt(term.mask) === 0n && !name.startsWith("tun_metadata")) continue;
    if (typeof term === "object" && BigInt(term.value) !== (BigInt(term.value) & BigInt(term.mask))) {
      const value = BigInt(term.value) & BigInt(term.mask);
      kept[name] = { value: typeof term.value === "bigint" ? value : Number(value), mask: term.mask };
    } else {
      kept[name] = term;
    }
  }
  return kept as Match;
}
