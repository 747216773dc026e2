/** For every row of the table of actions: flows that exercise it. A row without samples does not compile. */
import type { ActionOf, ActionType } from "../actions/index.ts";
import type { Match } from "../match.ts";
import { PortNumber } from "../numbers.ts";

interface Sample<T extends ActionType> {
  /** What the action needs the flow to say. */
  readonly match?: Match;
  /** The text of ovs-ofctl does not say all of it. */
  readonly textLoses?: true;
  readonly body: Omit<ActionOf<T>, "type">;
}

const IP: Match = { eth_type: 0x0800 };
const IPV6: Match = { eth_type: 0x86dd };
const TCP: Match = { eth_type: 0x0800, ip_proto: 6 };
const MPLS: Match = { eth_type: 0x8847 };
const VLAN: Match = { vlan_vid: 0x1005 };
const NSH: Match = { eth_type: 0x894f };
const reg0 = { field: "reg0", start: 0, bits: 32 } as const;
const low16 = { field: "reg0", start: 0, bits: 16 } as const;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

export const ACTION_SAMPLES: { readonly [T in ActionType]: readonly Sample<T>[] } = {
  output: [
    { body: { port: 1 } },
    { body: { port: PortNumber.local } },
    { body: { port: PortNumber.inPort } },
    { body: { port: PortNumber.normal } },
    { body: { port: PortNumber.flood } },
    { body: { port: PortNumber.all } },
    { body: { port: PortNumber.table } },
    { body: { port: PortNumber.controller } },
    { body: { port: PortNumber.controller, maxLen: 128 } },
    { body: { port: PortNumber.controller, maxLen: 0 } },
  ],
  group: [{ body: { group: 1 } }],
  set_queue: [{ body: { queue: 0 } }, { body: { queue: 0xffff_fffe } }],
  pop_queue: [{ body: {} }],
  push_vlan: [{ body: { ethertype: 0x8100 } }, { body: { ethertype: 0x88a8 } }],
  pop_vlan: [{ match: VLAN, body: {} }],
  push_mpls: [{ body: { ethertype: 0x8847 } }, { match: IP, body: { ethertype: 0x8848 } }],
  pop_mpls: [{ match: MPLS, body: { ethertype: 0x0800 } }],
  set_mpls_ttl: [{ match: MPLS, body: { ttl: 64 } }],
  dec_mpls_ttl: [{ match: MPLS, body: {} }],
  set_nw_ttl: [{ match: IP, body: { ttl: 255 } }],
  dec_ttl: [
    { match: IP, body: {} },
    { match: IPV6, body: { controllers: [1] } },
    { match: IP, body: { controllers: [0, 1, 2, 3, 4, 0xffff] } },
  ],
  // Each field has its own tests.
  set_field: [{ body: { field: "reg0", value: 1, mask: 0xff } }, { body: { field: "tun_id", value: 42n } }],
  copy_field: [{ body: { src: low16, dst: { field: "metadata", start: 48, bits: 16 } } }],
  meter: [{ body: { meter: 1 } }],
  controller: [
    { body: { reason: "no_match" } },
    { body: { reason: "invalid_ttl", maxLen: 100, controller: 5 } },
    { body: { controller: 0xffff } },
    { body: { pause: true } },
    { body: { meter: 1 } },
    { body: { userdata: bytes(1, 2, 3, 4, 5, 6, 7, 8, 9), pause: true, meter: 1, maxLen: 7 } },
    { body: { userdata: bytes(0xff), reason: "packet_out", maxLen: 0, controller: 9 } },
  ],
  ct: [
    { match: IP, body: {} },
    { match: IP, body: { commit: true, force: true, zone: 5 } },
    { match: IPV6, body: { zone: low16, table: 5 } },
    { match: IP, body: { table: 0, nat: {} } },
    { match: TCP, body: { commit: true, alg: 21 } },
    { match: { eth_type: 0x86dd, ip_proto: 17 }, body: { commit: true, alg: 69 } },
    { match: IP, body: { commit: true, nat: { translate: "src" } } },
    {
      match: IP,
      body: {
        commit: true,
        nat: {
          translate: "src",
          addresses: { version: 4, first: 0x0a000001, last: 0x0a0000ff },
          ports: { first: 1024, last: 0xffff },
          persistent: true,
          select: "random",
        },
      },
    },
    {
      match: IP,
      body: {
        commit: true,
        nat: { translate: "dst", addresses: { version: 4, first: 1 }, ports: { first: 80 }, select: "hash" },
      },
    },
    {
      match: IPV6,
      body: {
        commit: true,
        nat: { translate: "dst", addresses: { version: 6, first: 1n, last: 2n }, ports: { first: 80 } },
      },
    },
    {
      match: IPV6,
      body: { commit: true, nat: { translate: "src", addresses: { version: 6, first: 0xfe80n << 112n } } },
    },
    {
      match: IP,
      body: {
        commit: true,
        zone: 0xffff,
        table: 253,
        nat: { translate: "src", addresses: { version: 4, first: 5 } },
        exec: [
          { type: "set_field", field: "ct_mark", value: 1, mask: 0xff },
          { type: "copy_field", src: reg0, dst: { field: "ct_label", start: 96, bits: 32 } },
        ],
      },
    },
  ],
  ct_clear: [{ body: {} }],
  output_reg: [
    { body: { src: low16 } },
    { body: { src: { field: "nxm_in_port", start: 0, bits: 16 }, maxLen: 100 }, textLoses: true },
    { match: NSH, body: { src: { field: "nsh_c1", start: 8, bits: 16 } } },
  ],
  output_trunc: [{ body: { port: 1, maxLen: 100 } }, { body: { port: PortNumber.local, maxLen: 0xffff_ffff } }],
  resubmit: [
    { body: { port: 1 } },
    { body: { table: 0 } },
    { body: { port: PortNumber.local, table: 253 } },
    {
      match: { ...IP, ct_state: { value: 0x22, mask: 0x22 } },
      body: { table: 7, ct: true },
    },
  ],
  conjunction: [{ body: { id: 1, clause: 0, clauses: 2 } }, { body: { id: 0xffff_ffff, clause: 63, clauses: 64 } }],
  push: [{ body: { field: reg0 } }, { body: { field: { field: "tun_erspan_idx", start: 4, bits: 3 } } }],
  pop: [{ body: { field: reg0 } }, { body: { field: { field: "xxreg3", start: 127, bits: 1 } } }],
  check_pkt_larger: [
    { body: { bytes: 1414, dst: { field: "reg0", start: 31, bits: 1 } } },
    { match: NSH, body: { bytes: 0, dst: { field: "nsh_c4", start: 0, bits: 1 } } },
  ],
  clone: [
    {
      body: {
        actions: [
          { type: "output", port: 1 },
          { type: "clone", actions: [{ type: "output", port: 1 }] },
        ],
      },
    },
    { body: { actions: [] } },
  ],
  note: [
    { body: { bytes: bytes(1, 2, 3, 4, 5, 6) } },
    { body: { bytes: bytes(1, 2, 3, 4, 5, 6, 7) } },
    { body: { bytes: bytes() } },
  ],
  exit: [{ body: {} }],
  fin_timeout: [
    { match: TCP, body: { idleTimeoutSeconds: 5 } },
    { match: TCP, body: { hardTimeoutSeconds: 0xffff } },
    { match: TCP, body: {} },
  ],
  multipath: [
    { body: { fields: "eth_src", basis: 50, algorithm: "modulo_n", links: 1, arg: 0, dst: reg0 } },
    { body: { fields: "symmetric_l4", basis: 0, algorithm: "hash_threshold", links: 65536, arg: 0, dst: low16 } },
    {
      body: {
        fields: "symmetric_l3l4",
        basis: 0,
        algorithm: "hrw",
        links: 4,
        arg: 0,
        dst: { field: "reg1", start: 2, bits: 2 },
      },
    },
    { body: { fields: "symmetric_l3l4+udp", basis: 0, algorithm: "iter_hash", links: 4, arg: 0xffff_ffff, dst: reg0 } },
    { body: { fields: "nw_src", basis: 0xffff, algorithm: "hrw", links: 4, arg: 0, dst: reg0 } },
    { body: { fields: "nw_dst", basis: 0, algorithm: "hrw", links: 4, arg: 0, dst: reg0 } },
    { body: { fields: "symmetric_l3", basis: 0, algorithm: "hrw", links: 4, arg: 0, dst: reg0 } },
  ],
  bundle: [
    { body: { fields: "eth_src", basis: 0, algorithm: "hrw", members: [4, 8] } },
    {
      body: {
        fields: "symmetric_l4",
        basis: 60,
        algorithm: "active_backup",
        members: [2, 3, PortNumber.local, PortNumber.any],
      },
    },
    { body: { fields: "symmetric_l3", basis: 0, algorithm: "hrw", members: [] } },
  ],
  bundle_load: [{ body: { fields: "eth_src", basis: 7, algorithm: "hrw", members: [4, 8, 1], dst: low16 } }],
  learn: [
    { body: { table: 1, priority: 0x8000, specs: [] } },
    {
      body: {
        table: 253,
        priority: 1,
        cookie: 0xffff_ffff_ffff_ffffn,
        idleTimeoutSeconds: 1,
        hardTimeoutSeconds: 2,
        finIdleTimeoutSeconds: 3,
        finHardTimeoutSeconds: 4,
        sendFlowRemoved: true,
        deleteLearned: true,
        specs: [
          { spec: "match", from: 99, to: { field: "nxm_in_port", start: 0, bits: 16 } },
          {
            spec: "match",
            from: { field: "vlan_tci", start: 0, bits: 12 },
            to: { field: "vlan_tci", start: 0, bits: 12 },
          },
          {
            spec: "match",
            from: { field: "eth_src", start: 0, bits: 48 },
            to: { field: "eth_dst", start: 0, bits: 48 },
          },
          { spec: "match", from: 0x800, to: { field: "eth_type", start: 0, bits: 16 } },
          { spec: "match", from: 0x0a000001, to: { field: "ipv4_dst", start: 0, bits: 32 } },
          { spec: "match", from: 5, to: { field: "reg1", start: 3, bits: 5 } },
          {
            spec: "load",
            from: { field: "nxm_in_port", start: 0, bits: 16 },
            to: { field: "reg1", start: 16, bits: 16 },
          },
          { spec: "load", from: 5, to: { field: "xxreg1", start: 0, bits: 17 } },
          { spec: "load", from: (1n << 127n) + 3n, to: { field: "xxreg0", start: 0, bits: 128 } },
          { spec: "output", from: { field: "nxm_in_port", start: 0, bits: 16 } },
        ],
      },
    },
    { body: { table: 2, priority: 0x8000, limit: 5, specs: [] } },
    { body: { table: 2, priority: 0x8000, result: { field: "reg0", start: 8, bits: 1 }, specs: [] } },
    {
      match: NSH,
      body: {
        table: 2,
        priority: 7,
        limit: 1,
        result: { field: "nsh_c1", start: 0, bits: 1 },
        specs: [{ spec: "load", from: 1, to: reg0 }],
      },
    },
  ],
  encap: [
    { body: { header: "ethernet" }, match: { packet_type: 0x0001_0800 } },
    { body: { header: "nsh" } },
    { body: { header: "nsh", properties: [{ mdType: 1 }] } },
    {
      body: {
        header: "nsh",
        properties: [
          { mdType: 2 },
          { tlv: { class: 0x1000, type: 10, value: bytes(0x12, 0x34, 0x56, 0x78) } },
          { tlv: { class: 0x2000, type: 255, value: bytes(0, 1, 2, 3, 4, 5, 6, 7, 8) } },
        ],
      },
      textLoses: true,
    },
    { body: { header: "mpls" } },
    { body: { header: "mpls_mc" } },
  ],
  decap: [{ body: {} }, { body: { packetType: 0x0001_894f } }, { body: { packetType: 0 } }],
  dec_nsh_ttl: [{ match: NSH, body: {} }],
  delete_field: [{ body: { field: "tun_metadata0" } }, { body: { field: "tun_metadata63" } }],
  sample: [
    { body: { probability: 1, collectorSet: 2, domain: 3, point: 4 } },
    { body: { probability: 0xffff, collectorSet: 0xffff_ffff, domain: 0, point: 0, port: 1 } },
    { body: { probability: 1, collectorSet: 2, domain: 3, point: 4, direction: "ingress" } },
    { body: { probability: 1, collectorSet: 2, domain: 3, point: 4, port: PortNumber.local, direction: "egress" } },
  ],
  debug_recirc: [{ body: {} }],
  debug_slow: [{ body: {} }],
};
