import { counter, type Declarations, FAST_SECONDS, gauge, histogram, LAG_SECONDS } from "@dragonflow/metrics";

/** What a controller tells Prometheus. Counted by change-times.ts and collected.ts. */
export const CONTROLLER_METRICS = {
  dragonflow_change_duration_seconds: histogram(
    LAG_SECONDS,
    "From a commit of the API, by the store's clock, until the switch has acknowledged what it made of the flows of this host: one change each.",
  ),
  dragonflow_changes_pending: gauge("Changes that have arrived and that the switch has not acknowledged yet."),
  dragonflow_event_lag_seconds: histogram(
    LAG_SECONDS,
    "From a commit, by the store's clock, until it has arrived here, and so what this host's copy is behind.",
  ),
  dragonflow_batch_duration_seconds: histogram(
    FAST_SECONDS,
    "What it took to compile one batch of changes: what came in one turn of the event loop.",
  ),
  dragonflow_units_run_total: counter(
    "Compile functions that ran: one for each object that something may have changed for.",
  ),
  dragonflow_units_pending: gauge("Units that wait for records, and keep the flows that they had."),
  dragonflow_conflicts: gauge("Flows that two objects claim with different actions: neither has them."),
  dragonflow_faults: gauge("Objects that could not be compiled."),
  dragonflow_topics: gauge("Topics that this host follows because something here needs them."),
  dragonflow_records_received_total: counter("Records that came or went, but for what this host has said itself."),
  dragonflow_replica_events_total: counter(
    "What happened to the copy: commits applied, snapshots loaded, gaps (fetched anew), duplicates, commits held for others that belong to them, " +
      "those that were torn in the end, undecodable records, and shrinks that wait for a person.",
    "event",
  ),
  dragonflow_connected: gauge(
    "1 while the controller is connected to it: the switch, its database, packet-in, its lease.",
    "to",
  ),
  dragonflow_in_sync: gauge("1 while the switch has all that is desired, and nothing is on its way."),
  dragonflow_flows: gauge(
    "Flows that are desired, by the app that wants them; the pipeline's own are `pipeline`.",
    "app",
  ),
  dragonflow_refused: gauge("Flows, groups and meters that are desired and that the switch does not take."),
  dragonflow_switch_messages_total: counter("Changes that were sent to the switch, by what they change.", "type"),
  dragonflow_switch_plan_duration_seconds: histogram(
    FAST_SECONDS,
    "From sending a plan, as one bundle, to the switch's barrier behind it.",
  ),
  dragonflow_switch_plans_total: counter(
    "Plans that were sent: what changes while one is on its way goes together in the next.",
  ),
  dragonflow_switch_refusals_total: counter("Flows, groups and meters that the switch did not take."),
  dragonflow_switch_resyncs_total: counter(
    "How often all of the switch was read back: at each connection, and after somebody else's changes.",
  ),
  dragonflow_switch_disturbances_total: counter("How often somebody else was seen to change flows of ours."),
  dragonflow_switch_audited_flows_total: counter(
    "Flows that were read back, a part at a time, and compared with what was sent.",
  ),
  dragonflow_switch_drift_repaired_total: counter(
    "What was found otherwise in the switch than it was sent, and made right: by the audit, or after a disturbance that the switch told of.",
    "found",
  ),
  dragonflow_audit_steps_total: counter(
    "Parts of what is compiled that were compared with a compile from scratch: 50 objects each, one a second.",
  ),
  dragonflow_audit_differences_total: counter("Differences found by that: there should never be one."),
  dragonflow_conntrack_zones: gauge("Connection tracking zones that are taken."),
  dragonflow_conntrack_zone_flushes_total: counter(
    "Zones that were emptied: before their first flow, and after their last.",
  ),
  dragonflow_rechecks_total: counter(
    "Ports whose connections were looked through after a change of rules, by how it ended.",
    "result",
  ),
  dragonflow_recheck_connections_total: counter(
    "Connections that were asked for anew (asked), or that were too many (left).",
    "result",
  ),
  dragonflow_packet_in_total: counter(
    "Packets that the switch handed to the controller, by who answers them.",
    "responder",
  ),
  dragonflow_packet_in_dropped_total: counter(
    "Packets without an answer: too many at once (overflow), nobody declared an answer (unknown), not what its flow promised (undecodable), or a " +
      "responder that failed (failed).",
    "reason",
  ),
  dragonflow_packet_out_total: counter(
    "Packets that the controller sent: answers (reply), or unasked (announcement).",
    "kind",
  ),
} as const satisfies Declarations;
