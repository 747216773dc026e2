import type { Metrics } from "@dragonflow/metrics";
import { APPS, RESPONDERS } from "../apps.ts";
import type { Compiler } from "../compiler.ts";
import type { LocalSwitch } from "../local/local-switch.ts";
import type { Northbound } from "../northbound/northbound.ts";
import type { PacketIn } from "../packet-in/packet-in.ts";
import type { Recheck } from "../recheck/recheck.ts";
import type { SwitchDriver } from "../switch/driver.ts";
import type { ChangeTimes } from "./change-times.ts";
import type { CONTROLLER_METRICS } from "./declared.ts";

type ControllerMetrics = Metrics<typeof CONTROLLER_METRICS>;

const CONNECTED_TO = ["switch", "database", "packet_in", "lease"] as const;

/** What is shown while there is no server yet. */
export function showUnconnected(metrics: ControllerMetrics): void {
  for (const to of CONNECTED_TO) metrics.set("dragonflow_connected", 0, { to });
}

interface Parts {
  readonly compiler: Compiler;
  readonly northbound: Northbound;
  readonly local: LocalSwitch;
  readonly driver: SwitchDriver;
  readonly recheck: Recheck;
  readonly packetIn: PacketIn;
  readonly changes: ChangeTimes;
  readonly audited: { readonly steps: number; readonly differences: number };
}

/** What is looked up when somebody asks. */
export function collectController(metrics: ControllerMetrics, parts: Parts): void {
  metrics.collect(() => {
    collectCompiler(metrics, parts);
    collectSwitch(metrics, parts);
    collectPackets(metrics, parts);
  });
}

function collectCompiler(metrics: ControllerMetrics, { compiler, northbound, changes, audited }: Parts): void {
  const { engine } = compiler;
  metrics.set("dragonflow_changes_pending", changes.pending);
  metrics.set("dragonflow_units_pending", engine.pendingUnits().length);
  metrics.set("dragonflow_conflicts", engine.conflicts().length);
  metrics.set("dragonflow_faults", engine.faults().length);
  metrics.set("dragonflow_topics", engine.interest().size);
  metrics.total("dragonflow_records_received_total", northbound.received);
  for (const [event, count] of Object.entries(northbound.replica.counters))
    metrics.total("dragonflow_replica_events_total", count, { event });
  metrics.total("dragonflow_audit_steps_total", audited.steps);
  metrics.total("dragonflow_audit_differences_total", audited.differences);
}

function collectSwitch(metrics: ControllerMetrics, { driver, local, packetIn, northbound, recheck }: Parts): void {
  const connected = {
    switch: driver.connected,
    database: local.connected,
    packet_in: packetIn.connected,
    lease: northbound.hasLease,
  };
  for (const to of CONNECTED_TO) metrics.set("dragonflow_connected", connected[to] ? 1 : 0, { to });
  metrics.set("dragonflow_in_sync", driver.synced ? 1 : 0);
  metrics.set("dragonflow_refused", driver.refused.size);

  const flows = new Map<string, number>([...APPS.map(({ name }) => name), "pipeline"].map((app) => [app, 0]));
  for (const wanted of driver.desired().values()) {
    const app = wanted.type === "flow" ? wanted.owner.app : wanted.type === "miss" ? "pipeline" : undefined;
    if (app !== undefined) flows.set(app, (flows.get(app) ?? 0) + 1);
  }
  for (const [app, count] of flows) metrics.set("dragonflow_flows", count, { app });

  const { counters } = driver;
  metrics.total("dragonflow_switch_messages_total", counters.flowMods, { type: "flow" });
  metrics.total("dragonflow_switch_messages_total", counters.groupMods, { type: "group" });
  metrics.total("dragonflow_switch_messages_total", counters.meterMods, { type: "meter" });
  metrics.total("dragonflow_switch_plans_total", counters.plans);
  metrics.total("dragonflow_switch_refusals_total", counters.refusals);
  metrics.total("dragonflow_switch_resyncs_total", counters.syncs);
  metrics.total("dragonflow_switch_disturbances_total", counters.disturbances);
  metrics.total("dragonflow_switch_audited_flows_total", counters.auditedFlows);
  metrics.total("dragonflow_switch_drift_repaired_total", counters.repairedByAudit, { found: "audit" });
  metrics.total("dragonflow_switch_drift_repaired_total", counters.repairedAfterDisturbance, { found: "disturbance" });
  metrics.set("dragonflow_conntrack_zones", driver.zones);
  metrics.total("dragonflow_conntrack_zone_flushes_total", counters.zoneFlushes);

  const { ports, failures, connections, left } = recheck.counts;
  metrics.total("dragonflow_rechecks_total", ports, { result: "done" });
  metrics.total("dragonflow_rechecks_total", failures, { result: "failed" });
  metrics.total("dragonflow_recheck_connections_total", connections, { result: "asked" });
  metrics.total("dragonflow_recheck_connections_total", left, { result: "left" });
}

function collectPackets(metrics: ControllerMetrics, { packetIn }: Parts): void {
  const { byResponder, dropped, unknown, undecodable, failed, replies, announcements } = packetIn.counts;
  for (const { name } of RESPONDERS)
    metrics.total("dragonflow_packet_in_total", byResponder[name] ?? 0, { responder: name });
  for (const [reason, count] of Object.entries({ overflow: dropped, unknown, undecodable, failed }))
    metrics.total("dragonflow_packet_in_dropped_total", count, { reason });
  metrics.total("dragonflow_packet_out_total", replies, { kind: "reply" });
  metrics.total("dragonflow_packet_out_total", announcements, { kind: "announcement" });
}
