import { FIELDS, type FieldName, type Prerequisite, type SubField } from "@dragonflow/openflow";
import { CT_STATE } from "../ct-state.ts";
import { TraceError } from "./errors.ts";

/** A packet as a switch sees it: its headers, and what it carries beside (registers, tunnel, connection). What is absent reads as zero. */
export type PacketFields = Readonly<Partial<Record<FieldName, number | bigint>>>;

const TWO_32 = 0x1_0000_0000;
const ETH_TYPE = { ipv4: 0x0800, arp: 0x0806, rarp: 0x8035, ipv6: 0x86dd } as const;
const VLAN_PRESENT = 0x1000;
/** The bit of ip_frag that says: not the first fragment, so that no header of the layer above is in it. */
export const LATER_FRAGMENT = 2;
/** New, established, or reply: there is an original tuple. */
const CONNECTION = CT_STATE.new | CT_STATE.est | CT_STATE.rpl;
const ND_SOLICITATION = 135;
const ND_ADVERTISEMENT = 136;

/**
 * What can be followed: not MPLS and NSH headers, nor what is known inside a switch only, nor fields that are other views of those which stand here
 * (canonical matches have none).
 */
const KNOWN =
  /^(?:in_port|eth_(?:src|dst|type)|vlan_(?:vid|pcp)|arp_\w+|ip_\w+|ipv[46]_\w+|(?:tcp|udp|sctp)_\w+|icmpv[46]_\w+|nd_\w+|tun_\w+|reg\d+|metadata|pkt_mark|ct_\w+|conj_id)$/;
const known: ReadonlySet<string> = new Set(Object.keys(FIELDS).filter((name) => KNOWN.test(name)));

/** @throws {TraceError} `unsupported`. */
export function verifyKnown(name: string): asserts name is FieldName {
  if (!known.has(name)) throw new TraceError("unsupported", `field ${name}`);
}

/** `a & b` of numbers of up to 48 bits. */
function and48(a: number, b: number): number {
  if (a < TWO_32 && b < TWO_32) return (a & b) >>> 0;
  const high = Math.floor(a / TWO_32) & Math.floor(b / TWO_32);
  return high * TWO_32 + ((a & b) >>> 0);
}

/** The fields of one packet (or of one copy of it), as they change on its way. */
export class FieldSet {
  readonly #values: Map<FieldName, number | bigint>;

  constructor(fields: PacketFields | FieldSet = {}) {
    this.#values = fields instanceof FieldSet ? new Map(fields.#values) : new Map();
    if (!(fields instanceof FieldSet)) this.assign(fields);
  }

  assign(fields: PacketFields): void {
    for (const name in fields) {
      verifyKnown(name);
      const value = fields[name];
      if (value !== undefined) this.set(name, value);
    }
  }

  get(name: FieldName): number | bigint {
    verifyKnown(name);
    return this.#values.get(name) ?? (typeof FIELDS[name].ones === "bigint" ? 0n : 0);
  }
  number(name: FieldName): number {
    return Number(this.get(name));
  }
  set(name: FieldName, value: number | bigint): void {
    verifyKnown(name);
    this.#values.set(name, value);
  }

  /** True where the bits under the mask are those of `value`. */
  matches(name: FieldName, value: number | bigint, mask: number | bigint | undefined): boolean {
    const own = this.get(name);
    if (mask === undefined) return own === value;
    if (typeof own === "bigint") return (own & BigInt(mask)) === value;
    return and48(own, Number(mask)) === value;
  }

  /** Writes the bits under the mask; all of them where it is absent. */
  setMasked(name: FieldName, value: number | bigint, mask: number | bigint | undefined): void {
    if (mask === undefined) {
      this.set(name, value);
      return;
    }
    const merged = (BigInt(this.get(name)) & ~BigInt(mask)) | (BigInt(value) & BigInt(mask));
    this.set(name, typeof this.get(name) === "bigint" ? merged : Number(merged));
  }

  bits({ field, start, bits }: SubField): bigint {
    return (BigInt(this.get(field)) >> BigInt(start)) & ((1n << BigInt(bits)) - 1n);
  }
  setBits({ field, start, bits }: SubField, value: bigint): void {
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(start);
    this.setMasked(field, (value << BigInt(start)) & mask, mask);
  }

  /** Whether the packet is of a kind that has the field. */
  hasField(name: FieldName): boolean {
    return this.has(FIELDS[name].needs);
  }
  get hasVlan(): boolean {
    return (this.number("vlan_vid") & VLAN_PRESENT) !== 0;
  }
  /** Whether the packet is what a field needs: ovs-fields(7), "Prerequisites". */
  has(needs: Prerequisite | undefined): boolean {
    const ethType = this.number("eth_type");
    const isIp = ethType === ETH_TYPE.ipv4 || ethType === ETH_TYPE.ipv6;
    const carries = (protocol: number): boolean =>
      isIp && this.number("ip_proto") === protocol && (this.number("ip_frag") & LATER_FRAGMENT) === 0;
    switch (needs) {
      case undefined:
        return true;
      case "vlan":
        return this.hasVlan;
      case "ipv4":
        return ethType === ETH_TYPE.ipv4;
      case "ipv6":
        return ethType === ETH_TYPE.ipv6;
      case "ip":
        return isIp;
      case "arp":
        return ethType === ETH_TYPE.arp || ethType === ETH_TYPE.rarp;
      case "tcp":
        return carries(6);
      case "udp":
        return carries(17);
      case "sctp":
        return carries(132);
      case "icmpv4":
        return ethType === ETH_TYPE.ipv4 && carries(1);
      case "icmpv6":
        return ethType === ETH_TYPE.ipv6 && carries(58);
      case "nd":
        return this.#isNd(ND_SOLICITATION) || this.#isNd(ND_ADVERTISEMENT);
      case "nd_solicit":
        return this.#isNd(ND_SOLICITATION);
      case "nd_advert":
        return this.#isNd(ND_ADVERTISEMENT);
      case "ct":
        return (this.number("ct_state") & CONNECTION) !== 0;
      case "ct_ipv4":
        return this.has("ct") && ethType === ETH_TYPE.ipv4;
      case "ct_ipv6":
        return this.has("ct") && ethType === ETH_TYPE.ipv6;
      case "ct_transport":
        return this.has("ct") && isIp;
      case "mpls":
      case "nsh":
        throw new TraceError("unsupported", `what needs ${needs}`);
    }
  }
  #isNd(type: number): boolean {
    return this.has("icmpv6") && this.number("icmpv6_type") === type && this.number("icmpv6_code") === 0;
  }

  /** A copy without what connection tracking says. */
  untracked(): FieldSet {
    const copy = new FieldSet(this);
    for (const name of this.#values.keys()) if (name.startsWith("ct_")) copy.#values.delete(name);
    return copy;
  }

  toObject(): PacketFields {
    return Object.fromEntries(this.#values);
  }
}
