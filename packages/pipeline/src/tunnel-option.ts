import type { SubField, TlvMap } from "@dragonflow/openflow";

/**
 * The Geneve option that carries the sender's security identity between hosts, and the field that stands for it (RFC 8926 section 3.5). The class is
 * one of those that need no assignment (0xff00 to 0xffff). Not critical: who does not know the option takes the packet as one without identity,
 * which no rule with a remote group allows; hosts of an older release go on talking to new ones.
 */
export const IDENTITY_OPTION = {
  optionClass: 0xffdf,
  optionType: 0x01,
  optionLengthBytes: 4,
  index: 0,
} as const satisfies TlvMap;

/** The identity in the option: 0 where the packet has none. */
export const identityOption: SubField = { field: "tun_metadata0", start: 0, bits: 32 };
