/**
 * Identities of OXM and NXM fields. On the wire, big-endian: `class:16 | field:7 | hasMask:1 | length:8 |
 * [experimenter:32] | value | [mask]` (OpenFlow 1.5.1 section 7.2.3.2). The length counts what follows the first four
 * bytes, so it includes the experimenter id.
 */
export interface Oxm {
  readonly class: number;
  readonly field: number;
  /** Present exactly when `class` is {@link OXM_EXPERIMENTER}. */
  readonly experimenter?: number;
  /** As ovs-ofctl spells it in sub-field references, for example `NXM_NX_REG0`. */
  readonly symbol: string;
}

export const OXM_EXPERIMENTER = 0xffff;

/** Class 0x8000, the fields of OpenFlow itself. */
export const basic = (field: number, name: string): Oxm => ({ class: 0x8000, field, symbol: `OXM_OF_${name}` });
/** Class 0x8001, the eight 64-bit packet registers of OpenFlow 1.5. */
export const packetRegister = (field: number): Oxm => ({ class: 0x8001, field, symbol: `OXM_OF_PKT_REG${field}` });
/** Class 0x0000, Nicira's names for what OpenFlow 1.0 could match. */
export const nxm0 = (field: number, name: string): Oxm => ({ class: 0x0000, field, symbol: `NXM_OF_${name}` });
/** Class 0x0001, Nicira's extensions. */
export const nxm1 = (field: number, name: string): Oxm => ({ class: 0x0001, field, symbol: `NXM_NX_${name}` });
/** Experimenter fields of Nicira. */
export const nicira = (field: number, name: string): Oxm => experimenter(0x00002320, field, `NXOXM_ET_${name}`);
/** Experimenter fields of Nicira for the network service header (RFC 8300). */
export const nsh = (field: number, name: string): Oxm => experimenter(0x005ad650, field, `NXOXM_NSH_${name}`);
/** Experimenter fields of the ONF. */
export const onf = (field: number, name: string): Oxm => experimenter(0x4f4e4600, field, `ONFOXM_ET_${name}`);
/** Class 0x1000, Ericsson's fields for neighbour discovery. */
export const ericsson = (field: number, name: string): Oxm => ({ class: 0x1000, field, symbol: `ERICOXM_OF_${name}` });

function experimenter(id: number, field: number, symbol: string): Oxm {
  return { class: OXM_EXPERIMENTER, field, experimenter: id, symbol };
}

/** One number per identity, for tables: the class and field of a standard OXM, or field and experimenter id. */
export function oxmKey(oxmClass: number, field: number, experimenterId: number): number {
  return oxmClass === OXM_EXPERIMENTER
    ? 0x1_0000_0000_0000 + field * 0x1_0000_0000 + experimenterId
    : oxmClass * 0x80 + field;
}
