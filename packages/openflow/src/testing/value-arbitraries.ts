/** Arbitraries of what messages are made of. */
import fc from "fast-check";
import type { Action } from "../actions/index.ts";
import type { Instructions } from "../instructions.ts";
import type { Match } from "../match.ts";

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffffffff });
export const u64 = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn });
/** Not the value that stands for "none". */
export const some32 = fc.integer({ min: 0, max: 0xfffffff0 });
export const some64 = fc.bigInt({ min: 1n, max: 0xfffffffffffffff0n });
export const table = fc.integer({ min: 0, max: 253 });
export const bytes = fc.uint8Array({ maxLength: 40 });
const someBytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
export const name = (max: number) => fc.string({ maxLength: max, unit: "grapheme-ascii" });
const ethernetAddress = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((a) => Array.from(a, (byte) => byte.toString(16).padStart(2, "0")).join(":"));
/** Names in the order of declaration, which is how bitmaps are read. */
export const flags = <const N extends string>(...names: N[]) => fc.subarray(names);
export const one = <const N extends string>(...names: N[]) => fc.constantFrom(...names);
export const few = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 4 });
export const duration = fc.record({ seconds: u32, nanoseconds: u32 });
export const counters = fc.record({ packets: u64, bytes: u64 });
export const nothing = fc.constant({});

export const match: fc.Arbitrary<Match> = fc.record(
  {
    in_port: fc.integer({ min: 1, max: 0xfeff }),
    eth_type: fc.constant(0x0800),
    metadata: u64,
    reg0: u32,
    tun_id: some64,
    eth_src: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  },
  { requiredKeys: [] },
);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ type: fc.constant("output" as const), port: fc.integer({ min: 1, max: 0xfeff }) }),
  fc.record({ type: fc.constant("group" as const), group: fc.integer({ min: 0, max: 1000 }) }),
);
export const actions = few(action);
export const instructions: fc.Arbitrary<Instructions> = fc.record(
  { apply: fc.array(action, { minLength: 1, maxLength: 3 }), goto: table },
  { requiredKeys: [] },
);
export const flowStats = fc.record(
  { duration, idle: duration, flows: u32, packets: u64, bytes: u64 },
  { requiredKeys: [] },
);
const some16 = fc.integer({ min: 1, max: 0xffff });
const flowFlag = ["send_flow_rem", "check_overlap", "reset_counts", "no_pkt_counts", "no_byt_counts"] as const;
export const flowMembers = {
  table,
  priority: u16,
  cookie: u64,
  idleTimeoutSeconds: some16,
  hardTimeoutSeconds: some16,
  importance: some16,
  flags: fc.subarray([...flowFlag], { minLength: 1 }),
  match,
  instructions,
};
export const requiredFlow = ["table", "priority", "cookie", "match", "instructions"] as const;
export const removedReason = one("idle_timeout", "hard_timeout", "delete", "group_delete", "meter_delete", "eviction");
export const whichFlows = fc.record(
  { table, outPort: some32, outGroup: some32, cookie: some64, cookieMask: some64, match },
  { requiredKeys: ["match"] },
);

export const entries = <T>(entry: fc.Arbitrary<T>) =>
  fc.record({ entries: few(entry), more: fc.constant(true as const) }, { requiredKeys: ["entries"] });

export const bucket = fc.record(
  { bucket: some32, actions, weight: u16, watchPort: u32, watchGroup: u32 },
  { requiredKeys: ["bucket", "actions"] },
);
export const groupType = one("all", "select", "indirect", "ff");
export const selection = fc.record({ method: one("hash", "dp_hash"), parameter: u64, fields: bytes });
export const band = fc.oneof(
  fc.record({ action: fc.constant("drop" as const), rate: u32, burst: u32 }),
  fc.record({
    action: fc.constant("dscp_remark" as const),
    rate: u32,
    burst: u32,
    precedenceLevel: some16.map((n) => (n % 63) + 1),
  }),
);
export const meterFlags = flags("kbps", "pktps", "burst", "stats");
export const whichMeter = fc.record({ meter: some32 }, { requiredKeys: [] });
export const whichGroup = fc.record({ group: some32 }, { requiredKeys: [] });
export const whichPort = fc.record({ port: some32 }, { requiredKeys: [] });
export const whichQueue = fc.record({ port: some32, queue: some32 }, { requiredKeys: [] });
const linkFeatures = flags("10mb_hd", "1gb_fd", "10gb_fd", "1tb_fd", "copper", "pause_asym");
const portConfig = flags("port_down", "no_recv", "no_fwd", "no_packet_in");
export const port = fc.record(
  {
    port: u32,
    hardwareAddress: ethernetAddress,
    name: name(15),
    config: portConfig,
    state: flags("link_down", "blocked", "live"),
    ethernet: fc.record({
      current: linkFeatures,
      advertised: linkFeatures,
      supported: linkFeatures,
      peer: linkFeatures,
      currentSpeedKbps: u32,
      maxSpeedKbps: u32,
    }),
  },
  { requiredKeys: ["port", "hardwareAddress", "name", "config", "state"] },
);
const byLength = fc.record({ to64: u64, to127: u64, to255: u64, to511: u64, to1023: u64, to1522: u64, toMax: u64 });
export const portStats = fc.record(
  {
    port: u32,
    duration,
    rxPackets: u64,
    txPackets: u64,
    rxBytes: u64,
    txBytes: u64,
    rxDropped: u64,
    txDropped: u64,
    rxErrors: u64,
    txErrors: u64,
    ethernet: fc.record({ rxFrameErrors: u64, rxOverrunErrors: u64, rxCrcErrors: u64, collisions: u64 }),
    rfc2819: fc.record({
      rx: byLength,
      tx: byLength,
      txMulticast: u64,
      rxBroadcast: u64,
      txBroadcast: u64,
      rxUndersized: u64,
      rxOversized: u64,
      rxFragmented: u64,
      rxJabber: u64,
    }),
    custom: few(fc.tuple(name(20), u64)).map((pairs) => new Map(pairs)),
  },
  {
    requiredKeys: [
      "port",
      "duration",
      "rxPackets",
      "txPackets",
      "rxBytes",
      "txBytes",
      "rxDropped",
      "txDropped",
      "rxErrors",
      "txErrors",
    ],
  },
);
const tableConfig = flags("eviction", "vacancy_events");
const tableProperties = {
  eviction: flags("other", "importance", "lifetime"),
  vacancy: fc.record({ downPercent: u8, upPercent: u8, currentPercent: u8 }),
};
export const tableMod = fc.record(
  { table: u8, config: tableConfig, ...tableProperties },
  { requiredKeys: ["table", "config"] },
);
const featureIds = few(
  fc.oneof(
    fc.record({ type: fc.integer({ min: 0, max: 99 }) }),
    fc.record({ type: fc.constant(0xffff), experimenter: u32 }),
  ),
);
const fieldIds = few(
  fc.oneof(
    fc.record({ header: fc.integer({ min: 0, max: 0xfffeffff }) }),
    fc.record({ header: fc.constant(0xffff0204), experimenter: u32 }),
  ),
);
export const tableFeatures = fc.record(
  {
    table,
    command: one("replace", "modify", "enable", "disable"),
    name: name(31),
    metadataMatch: u64,
    metadataWrite: u64,
    capabilities: tableConfig,
    maxEntries: u32,
    instructions: featureIds,
    instructionsMiss: featureIds,
    nextTables: few(u8),
    nextTablesMiss: few(u8),
    writeActions: featureIds,
    writeActionsMiss: featureIds,
    applyActions: featureIds,
    applyActionsMiss: featureIds,
    match: fieldIds,
    wildcards: fieldIds,
    writeSetField: fieldIds,
    writeSetFieldMiss: fieldIds,
    applySetField: fieldIds,
    applySetFieldMiss: fieldIds,
  },
  { requiredKeys: ["table", "command", "name", "metadataMatch", "metadataWrite", "capabilities", "maxEntries"] },
);
const asyncPacketIn = flags("no_match", "action", "invalid_ttl", "action_set", "group", "packet_out");
const asyncRemoved = flags("idle_timeout", "hard_timeout", "delete", "group_delete", "meter_delete", "eviction");
const asyncPort = flags("add", "delete", "modify");
const asyncRole = flags("primary_request", "config", "experimenter");
const asyncTable = flags("vacancy_down", "vacancy_up");
const asyncForward = flags("group_mod", "meter_mod");
export const asyncConfig = fc.record(
  {
    packetIn: asyncPacketIn,
    secondaryPacketIn: asyncPacketIn,
    portStatus: asyncPort,
    secondaryPortStatus: asyncPort,
    flowRemoved: asyncRemoved,
    secondaryFlowRemoved: asyncRemoved,
    roleStatus: asyncRole,
    secondaryRoleStatus: asyncRole,
    tableStatus: asyncTable,
    secondaryTableStatus: asyncTable,
    requestForward: asyncForward,
    secondaryRequestForward: asyncForward,
  },
  { requiredKeys: [] },
);
export const packetReason = one("no_match", "action", "invalid_ttl", "action_set", "group", "packet_out");
export const packetProperties = {
  frame: someBytes,
  frameLengthBytes: u32,
  buffer: u32,
  table: u8,
  cookie: u64,
  reason: packetReason,
  metadata: match,
  continuation: someBytes,
};
export const role = one("nochange", "equal", "primary", "secondary");
export const roleBody = fc.record(
  { role, generationId: u64.filter((n) => n !== 0xffffffffffffffffn) },
  { requiredKeys: ["role"] },
);
export const tlvMaps = few(fc.record({ optionClass: u16, optionType: u8, optionLengthBytes: u8, index: u16 }));
const address = fc.uint8Array({ minLength: 16, maxLength: 16 });
export const tuple = fc.record(
  {
    source: address,
    destination: address,
    sourcePort: u16,
    destinationPort: u16,
    icmpId: u16,
    icmpType: u8,
    icmpCode: u8,
  },
  { requiredKeys: [] },
);
export const change = {
  table,
  idleTimeoutSeconds: u16,
  hardTimeoutSeconds: u16,
  priority: u16,
  cookie: u64,
  match,
  instructions,
};
export const flowMod = fc.record(
  {
    command: one("add", "modify", "modify_strict", "delete", "delete_strict"),
    ...flowMembers,
    cookieMask: some64,
    buffer: some32,
    outPort: some32,
    outGroup: some32,
  },
  { requiredKeys: ["command", ...requiredFlow] },
);
export const groupMod = fc.record(
  {
    command: one("add", "modify", "delete", "insert_bucket", "remove_bucket", "add_or_mod"),
    groupType,
    group: u32,
    commandBucket: some32,
    buckets: few(bucket),
    selection,
  },
  { requiredKeys: ["command", "groupType", "group", "buckets"] },
);
export const meterMod = fc.record({
  command: one("add", "modify", "delete"),
  flags: meterFlags,
  meter: u32,
  bands: few(band),
});
export const portMod = fc.record(
  { port: u32, hardwareAddress: ethernetAddress, config: portConfig, mask: portConfig, advertise: linkFeatures },
  { requiredKeys: ["port", "hardwareAddress", "config", "mask"] },
);
export const packetOut = fc.record(
  { buffer: some32, match, actions, frame: bytes },
  { requiredKeys: ["match", "actions", "frame"] },
);
export const switchConfig = fc.record({
  fragments: one("normal", "drop", "reassemble", "nx_match"),
  missSendLengthBytes: u16,
});
export const bundleFlags = flags("atomic", "ordered");
