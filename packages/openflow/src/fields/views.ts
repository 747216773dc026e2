/** Fields that are another view of bits which a match of OpenFlow 1.5 has under another name. */
const VIEWS: ReadonlySet<string> = new Set([
  "nxm_in_port",
  "vlan_tci",
  "dl_vlan",
  "dl_vlan_pcp",
  "nw_tos",
  ...Array.from({ length: 8 }, (_, n) => `xreg${n}`),
  ...Array.from({ length: 4 }, (_, n) => `xxreg${n}`),
]);

export function isView(name: string): boolean {
  return VIEWS.has(name);
}
