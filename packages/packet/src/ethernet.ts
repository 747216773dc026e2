import { bits, type Reader, type Writer } from "@dragonflow/wire";
import { type Mac, mac48 } from "./addresses.ts";

/** EtherTypes (IEEE 802 numbers) that this package reads. */
export const EtherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, serviceVlan: 0x88a8 } as const;

/** A VLAN tag (IEEE 802.1Q section 9.6). */
export interface VlanTag {
  /** VLAN identifier, 12 bits. */
  id: number;
  /** Priority code point, 3 bits. */
  priority: number;
  /** Drop eligible indicator. */
  dropEligible: boolean;
  /** 802.1ad: EtherType 0x88a8 instead of 0x8100. */
  service: boolean;
}

/** An Ethernet header with its VLAN tags, the outermost first. */
export interface Ethernet {
  src: Mac;
  dst: Mac;
  vlans: VlanTag[];
  /** Of what follows the tags; below 0x0600 the length of an IEEE 802.3 frame in bytes. */
  etherType: number;
}
/** To encode: no tags unless given; the EtherType follows from the layer above where there is one. */
export type EthernetFields = Pick<Ethernet, "src" | "dst"> & {
  vlans?: readonly (Pick<VlanTag, "id"> & Partial<VlanTag>)[];
  etherType?: number;
};

/** `priority:3 | dropEligible:1 | id:12`. */
const tagControl = bits(16, { priority: 3, dropEligible: "flag", id: 12 });

/** Reads the header and leaves the reader at the payload. */
export function decodeEthernet(r: Reader): Ethernet {
  const dst = mac48.read(r);
  const src = mac48.read(r);
  const vlans: VlanTag[] = [];
  let etherType = r.u16("EtherType");
  while (etherType === EtherType.vlan || etherType === EtherType.serviceVlan) {
    vlans.push({ ...tagControl.read(r), service: etherType === EtherType.serviceVlan });
    etherType = r.u16("EtherType");
  }
  return { src, dst, vlans, etherType };
}

/** Writes the header. @throws {EncodeError} `out-of-range`. */
export function encodeEthernet(w: Writer, { src, dst, vlans = [] }: EthernetFields, etherType: number): void {
  mac48.write(w, dst, "dst");
  mac48.write(w, src, "src");
  for (const { id, priority = 0, dropEligible = false, service = false } of vlans) {
    w.u16(service ? EtherType.serviceVlan : EtherType.vlan);
    tagControl.write(w, { priority, dropEligible, id }, "vlan");
  }
  w.u16(etherType, "etherType");
}
