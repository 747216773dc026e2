import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { CONTROLLER_METRICS } from "@dragonflow/controller";
import { type Declaration, type Declarations, PROCESS_METRICS } from "@dragonflow/metrics";
import { SERVER_METRICS } from "@dragonflow/server";
import { root } from "./docs.ts";

const DECLARED: Declarations = { ...SERVER_METRICS, ...CONTROLLER_METRICS, ...PROCESS_METRICS };

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: { readonly uid: string };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}
interface Dashboard {
  readonly uid: string;
  readonly id: null;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly Panel[];
}
const dashboard = JSON.parse(readFileSync(resolve(root, "docs/grafana-dashboard.json"), "utf8")) as Dashboard;
const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** The metric that a series belongs to, and whether it is shown as that type has it. */
function declarationOf(series: string): Declaration | undefined {
  const bare = series.replace(/_(bucket|sum|count)$/, "");
  const found = DECLARED[bare];
  return found?.type === "histogram" ? (bare === series ? undefined : found) : DECLARED[series];
}

test("every query names metrics that there are, and labels that they have", () => {
  assert.ok(queries.length > 40);
  for (const query of queries) {
    const series = query.match(/\b(?:dragonflow|process)_\w+/g) ?? [];
    assert.equal(series.length, 1, query);
    const declared = declarationOf(series[0] ?? "");
    assert.ok(declared, `no metric: ${series[0]}`);
    const by = /by \(([^)]*)\)/.exec(query)?.[1]?.split(", ") ?? [];
    for (const label of by) assert.ok([...declared.labels, "instance", "le"].includes(label), `${label} in ${query}`);
    if (query.includes("histogram_quantile")) assert.ok(query.includes("_bucket{") && by.includes("le"), query);
    assert.equal(query.includes("rate("), declared.type !== "gauge", `what only grows is shown as a rate: ${query}`);
    for (const [open, close] of ["()", "{}", "[]"])
      assert.equal(query.split(open ?? "").length, query.split(close ?? "").length, query);
  }
});

test("what says that something is wrong is shown, and most of the rest", () => {
  const shown = new Set(queries.flatMap((query) => query.match(/\b(?:dragonflow|process)_\w+/g) ?? []));
  const hidden = Object.keys(DECLARED).filter(
    (name) => ![...shown].some((series) => series === name || series.startsWith(`${name}_`)),
  );
  assert.deepEqual(hidden.toSorted(), [
    "dragonflow_audit_steps_total",
    "dragonflow_recheck_connections_total",
    "dragonflow_scrapes_refused_total",
    "dragonflow_switch_audited_flows_total",
    "dragonflow_switch_plans_total",
    "process_start_time_seconds",
  ]);
});

test("Grafana can load it: no id of an installation, panels with ids and places of their own, a data source to choose", () => {
  const { id, uid, title, schemaVersion, templating, panels } = dashboard;
  assert.deepEqual([id, title], [null, "Dragonflow"]);
  assert.match(uid, /^[\w-]{1,40}$/);
  assert.ok(schemaVersion >= 36);
  assert.equal(new Set(panels.map((panel) => panel.id)).size, panels.length);
  assert.deepEqual(
    templating.list.map((variable) => variable.type),
    ["datasource", "query"],
  );
  const cells = new Set<string>();
  for (const { type, title: name, gridPos, datasource, fieldConfig, targets = [] } of panels) {
    const { x, y, w, h } = gridPos;
    assert.ok(x >= 0 && x + w <= 24, name);
    for (let column = x; column < x + w; column++)
      for (let line = y; line < y + h; line++) {
        assert.ok(!cells.has(`${column} ${line}`), `${name} is over another panel`);
        cells.add(`${column} ${line}`);
      }
    if (type === "row") continue;
    assert.equal(type, "timeseries");
    assert.equal(datasource?.uid, "${datasource}");
    assert.match(fieldConfig?.defaults.unit ?? "", /^\w+$/, `${name} has no unit`);
    assert.ok(targets.length > 0);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, name);
  }
});

test("names and units are Prometheus'", () => {
  for (const [name, { type, help, labels }] of Object.entries(DECLARED)) {
    assert.match(name, /^(dragonflow|process)(_[a-z0-9]+)+$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    if (type === "histogram") assert.match(name, /_(seconds|bytes)$/);
    assert.doesNotMatch(name, /_(ms|milliseconds|kb)(_|$)/);
    assert.match(help, /^[A-Z0-9].*\.$/, name);
    for (const label of labels) assert.match(label, /^[a-z]+$/, `${name} ${label}`);
    assert.ok(!labels.some((label) => ["le", "quantile", "instance", "job", "id"].includes(label)), name);
  }
});
