/** What connection tracking says of a packet: bits of the field ct_state (ovs-fields(7)). */
export const CT_STATE = { new: 0x01, est: 0x02, rel: 0x04, rpl: 0x08, inv: 0x10, trk: 0x20 } as const;

/** A match of ct_state as ovs-ofctl writes it: `+trk+new-inv`. @throws {RangeError} on a flag that there is not. */
export function ctState(text: string): { readonly value: number; readonly mask: number } {
  let value = 0;
  let mask = 0;
  for (const [, sign, flag] of text.matchAll(/([+-])([a-z]*)/g)) {
    const bit = Object.entries(CT_STATE).find(([name]) => name === flag)?.[1];
    if (bit === undefined) throw new RangeError(`ct_state has no flag ${flag}`);
    mask |= bit;
    if (sign === "+") value |= bit;
  }
  return { value, mask };
}
