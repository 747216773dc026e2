import { type Names, printInstructions, printMatch } from "@dragonflow/openflow";
import { CT_STATE } from "../ct-state.ts";
import { decodeUserdata } from "../responder.ts";
import type { Outcome, Trace, TraceStep } from "./trace.ts";

/** An outcome in one line: `output 12`, `punt responder 1 subject 111`, `drop in l2: miss`. */
export function printOutcome(outcome: Outcome): string {
  switch (outcome.type) {
    case "output":
      return `output ${outcome.port}`;
    case "punt": {
      const to = outcome.userdata && decodeUserdata(outcome.userdata);
      if (to !== undefined) return `punt responder ${to.responder} subject ${to.subject}`;
      return `punt controller ${outcome.controller} ${outcome.reason}`;
    }
    case "drop":
      return `drop in ${outcome.table}: ${outcome.reason}`;
  }
}

/** A trace as text: a line for each table with what matched there, whose it is, and what it does; then what became of the packet. */
export function printTrace({ steps, outcomes }: Trace, names: Names = {}): string {
  return [...steps.map((step) => printStep(step, names)), "", ...outcomes.map(printOutcome)].join("\n");
}

function printStep(step: TraceStep, names: Names): string {
  if (step.type === "tracked") return `zone ${step.zone}: ct_state=${printState(step.state)} ct_mark=${step.mark}`;
  const indent = "  ".repeat(step.depth);
  if (step.type === "bucket") return `${indent}group ${step.group}, bucket ${step.bucket}`;
  const { table, tableName, flow, owner } = step;
  const where = `${indent}${String(table).padStart(2)} ${tableName}`;
  if (flow === undefined) return `${where}: no flow matches`;
  const match = [`priority=${flow.priority}`, printMatch(flow.match, names)].filter((part) => part !== "").join(",");
  const behind = `\n${indent}     `;
  return `${where}: ${match}${owner === undefined ? "" : `  # ${owner}`}${behind}${printInstructions(flow.instructions, names)}`;
}

const printState = (state: number): string =>
  Object.entries(CT_STATE)
    .flatMap(([name, bit]) => ((state & bit) === 0 ? [] : [name]))
    .join("|");
