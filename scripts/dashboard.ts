/** docs/grafana-dashboard.json: ONE ROW PER PANEL. A query can name nothing but a metric that is declared, with its labels. */
import { CONTROLLER_METRICS } from "@dragonflow/controller";
import { type Declaration, PROCESS_METRICS } from "@dragonflow/metrics";
import { SERVER_METRICS } from "@dragonflow/server";

const METRICS = { ...SERVER_METRICS, ...CONTROLLER_METRICS, ...PROCESS_METRICS };
type Name = keyof typeof METRICS;
type Label<N extends Name> = ((typeof METRICS)[N] extends Declaration<infer _, infer L> ? L : never) | "instance";
type NameOf<T extends "counter" | "gauge" | "histogram"> = {
  [N in Name]: (typeof METRICS)[N]["type"] extends T ? N : never;
}[Name];

interface Query {
  readonly expr: string;
  readonly legend: string;
}
interface Panel {
  readonly title: string;
  /** As Grafana calls it. */
  readonly unit: "s" | "ops" | "Bps" | "bytes" | "short" | "percentunit";
  readonly queries: readonly Query[];
}

const SELECTED = '{instance=~"$instance"}';
const per = (by: readonly string[]): string => (by.length === 0 ? "" : ` by (${by.join(", ")})`);
const legendOf = (by: readonly string[], otherwise: string): string =>
  by.length === 0 ? otherwise : by.map((label) => `{{${label}}}`).join(" ");

/** So many a second. */
function rate<N extends NameOf<"counter">>(name: N, ...by: Label<N>[]): Query {
  return {
    expr: `sum${per(by)} (rate(${name}${SELECTED}[$__rate_interval]))`,
    legend: legendOf(by, name.replace(/^dragonflow_|_total$/g, "").replaceAll("_", " ")),
  };
}
/** How many of a histogram's events a second. */
function events<N extends NameOf<"histogram">>(name: N, ...by: Label<N>[]): Query {
  return {
    expr: `sum${per(by)} (rate(${name}_count${SELECTED}[$__rate_interval]))`,
    legend: legendOf(by, "all"),
  };
}
function level<N extends NameOf<"gauge">>(name: N, ...by: Label<N>[]): Query {
  return {
    expr: `sum${per(by)} (${name}${SELECTED})`,
    legend: legendOf(by, name.replace(/^dragonflow_/, "").replaceAll("_", " ")),
  };
}
/** Half of them, and all but one of a hundred, take no longer. */
function durations<N extends NameOf<"histogram">>(name: N, ...by: Label<N>[]): readonly Query[] {
  return [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum${per([...by, "le"])} (rate(${name}_bucket${SELECTED}[$__rate_interval])))`,
    legend: `p${quantile * 100} ${legendOf(by, "")}`.trim(),
  }));
}
const panel = (title: string, unit: Panel["unit"], ...queries: readonly Query[]): Panel => ({ title, unit, queries });

const ROWS: readonly (readonly [title: string, panels: readonly Panel[]])[] = [
  [
    "From a change to the switch",
    [
      panel("API commit to barrier", "s", ...durations("dragonflow_change_duration_seconds")),
      panel("Changes that reached a switch", "ops", events("dragonflow_change_duration_seconds")),
      panel("On their way", "short", level("dragonflow_changes_pending"), level("dragonflow_units_pending")),
      panel("Event lag of hosts", "s", ...durations("dragonflow_event_lag_seconds")),
      panel("Batch of compiling", "s", ...durations("dragonflow_batch_duration_seconds")),
      panel("Plan and barrier", "s", ...durations("dragonflow_switch_plan_duration_seconds")),
    ],
  ],
  [
    "API",
    [
      panel("Requests", "ops", events("dragonflow_api_request_duration_seconds", "resource", "method")),
      panel("Answers by status", "ops", events("dragonflow_api_request_duration_seconds", "status")),
      panel("Time of requests", "s", ...durations("dragonflow_api_request_duration_seconds", "method")),
      panel("Ports by status", "short", level("dragonflow_ports", "status")),
      panel("Objects", "short", level("dragonflow_objects", "resource")),
      panel("Folding", "ops", rate("dragonflow_folded_total", "what"), level("dragonflow_folding_leading")),
    ],
  ],
  [
    "Store and relay",
    [
      panel("Commits", "s", ...durations("dragonflow_store_commit_duration_seconds", "outcome")),
      panel("Reads", "s", ...durations("dragonflow_store_read_duration_seconds", "operation")),
      panel("Event lag within the server", "s", ...durations("dragonflow_store_event_lag_seconds")),
      panel("Connections", "short", level("dragonflow_relay_connections")),
      panel("Messages", "ops", rate("dragonflow_relay_messages_total", "direction")),
      panel("Bytes", "Bps", rate("dragonflow_relay_bytes_total", "direction")),
    ],
  ],
  [
    "Hosts",
    [
      panel("Flows by app", "short", level("dragonflow_flows", "app")),
      panel("Units run", "ops", rate("dragonflow_units_run_total")),
      panel("Messages to the switch", "ops", rate("dragonflow_switch_messages_total", "type")),
      panel("Topics and zones", "short", level("dragonflow_topics"), level("dragonflow_conntrack_zones")),
      panel("Records received", "ops", rate("dragonflow_records_received_total")),
      panel("What happened to copies", "ops", rate("dragonflow_replica_events_total", "event")),
      panel("Hosts that are connected", "short", level("dragonflow_connected", "to"), level("dragonflow_in_sync")),
      panel("Rechecks", "ops", rate("dragonflow_rechecks_total", "result")),
      panel("Zones emptied", "ops", rate("dragonflow_conntrack_zone_flushes_total")),
    ],
  ],
  [
    "What should not be",
    [
      panel(
        "Refused, conflicts, faults",
        "short",
        level("dragonflow_refused"),
        level("dragonflow_conflicts"),
        level("dragonflow_faults"),
      ),
      panel("Drift of switches, repaired", "ops", rate("dragonflow_switch_drift_repaired_total", "found")),
      panel(
        "Others' changes, and all read back",
        "ops",
        rate("dragonflow_switch_disturbances_total"),
        rate("dragonflow_switch_resyncs_total"),
      ),
      panel("Audit of compiling: differences", "ops", rate("dragonflow_audit_differences_total")),
      panel("Refusals of switches", "ops", rate("dragonflow_switch_refusals_total")),
      panel("Packets without an answer", "ops", rate("dragonflow_packet_in_dropped_total", "reason")),
    ],
  ],
  [
    "Packets to controllers, and processes",
    [
      panel("Packet-in", "ops", rate("dragonflow_packet_in_total", "responder")),
      panel("Packet-out", "ops", rate("dragonflow_packet_out_total", "kind")),
      panel("CPU", "percentunit", rate("process_cpu_seconds_total", "instance")),
      panel("Memory", "bytes", level("process_resident_memory_bytes", "instance")),
      panel("Heap", "bytes", level("dragonflow_heap_used_bytes", "instance")),
      panel("Event loop at work", "percentunit", rate("dragonflow_event_loop_active_seconds_total", "instance")),
    ],
  ],
];

const COLUMNS = 24;
const WIDTH = 8;
const HEIGHT = 8;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** In the form that Grafana exports and imports. */
export function dashboard(): string {
  let id = 0;
  let top = 0;
  const panels = ROWS.flatMap(([title, group]) => {
    const row = {
      id: ++id,
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { h: 1, w: COLUMNS, x: 0, y: top++ },
    };
    const perLine = COLUMNS / WIDTH;
    const shown = group.map((each, n) => {
      const gridPos = { h: HEIGHT, w: WIDTH, x: (n % perLine) * WIDTH, y: top + Math.floor(n / perLine) * HEIGHT };
      return { id: ++id, ...timeSeries(each), gridPos };
    });
    top += Math.ceil(group.length / perLine) * HEIGHT;
    return [row, ...shown];
  });
  const document = {
    id: null,
    uid: "dragonflow",
    title: "Dragonflow",
    tags: ["dragonflow", "sdn"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    annotations: { list: [] },
    links: [],
    templating: {
      list: [
        { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
        {
          name: "instance",
          label: "Process",
          type: "query",
          datasource: DATASOURCE,
          query: { query: "label_values(dragonflow_scrapes_refused_total, instance)", refId: "instance" },
          refresh: 2,
          multi: true,
          includeAll: true,
          allValue: ".*",
          current: { text: "All", value: "$__all" },
        },
      ],
    },
    panels,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function timeSeries({ title, unit, queries }: Panel) {
  return {
    type: "timeseries",
    title,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: { unit, min: 0, custom: { lineWidth: 1, fillOpacity: 10, showPoints: "never" } },
      overrides: [],
    },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: queries.map(({ expr, legend }, n) => ({
      refId: String.fromCodePoint(0x41 + n),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      range: true,
    })),
  };
}
