import { inspect } from "node:util";
import type { App, Owner, RowChange } from "./define.ts";
import type { Conflict } from "./slots.ts";
import {
  advanced,
  type Arrival,
  AT_ONCE,
  CheckError,
  difference,
  freeze,
  type HostOptions,
  SimulatedHost,
  type State,
} from "./simulated-host.ts";

export interface CheckOptions<O> extends HostOptions<O> {
  /** `refused` (the default): a unit that throws is an error of the app. `allowed`: some rows of the states are bad on purpose. */
  readonly faults?: "refused" | "allowed";
  /** An output as people read it, e.g. ovs-ofctl text. */
  readonly show?: (output: O) => string;
}

/** What an engine answers in one state. */
interface Answers<O> {
  readonly outputs: ReadonlyMap<string, O>;
  /** Everything else, as text. */
  readonly rest: ReadonlyMap<string, string>;
}

/** One step of a history. */
type Step =
  | { readonly kind: "show"; readonly state: State; readonly arrival: Arrival }
  | { readonly kind: "squash"; readonly states: readonly State[]; readonly state: State }
  | { readonly kind: "repeat"; readonly state: State }
  | { readonly kind: "close"; readonly state: State };

type Expander = (states: readonly State[]) => readonly Step[];

const show = (state: State, arrival: Arrival = AT_ONCE): Step => ({ kind: "show", state, arrival });

/** Nothing is there any more, and nothing may be left of what was. */
const CLOSE: Step = { kind: "close", state: [] };

/** All states between neighbours that differ by one row. */
function split(states: readonly State[]): readonly State[] {
  return states.flatMap((state, i) => {
    const before = states[i - 1] ?? [];
    const changes = difference(before, state);
    return changes.map((_, n) => advanced(before, changes.slice(0, n + 1)));
  });
}

/** Histories that end in the same states: whatever the way, the outputs must be those of the state. */
const EXPANDERS: Readonly<Record<string, Expander>> = {
  "in order": (states) => states.map((state) => show(state)),
  "reversed states": (states) => states.toReversed().map((state) => show(state)),
  "reversed rows": (states) => states.map((state) => show(state, { ...AT_ONCE, rows: "reversed" })),
  "single rows": (states) => split(states).map((state) => show(state)),
  "single rows, backwards": (states) => split(states.toReversed()).map((state) => show(state)),
  squashed: (states) => states.map((state, i) => ({ kind: "squash", states: states.slice(0, i + 1), state })),
  duplicated: (states) => states.flatMap((state) => [show(state), { kind: "repeat", state }]),
  "empty in between": (states) => states.flatMap((state) => [show(state), show([])]),
  "pending first": (states) => states.map((state) => show(state, { ...AT_ONCE, partitions: "pending-first" })),
  lingering: (states) => states.map((state) => show(state, { ...AT_ONCE, leaving: "lingering" })),
  "pending first, reversed": (states) =>
    states.toReversed().map((state) => show(state, { ...AT_ONCE, rows: "reversed", partitions: "pending-first" })),
};

/**
 * Proves that the incremental outputs of an app (or of several together) are those of a compile from scratch, whatever history leads to a state, and
 * that deltas, conflicts, faults and interest are right on the way. Rows are delivered as a controller would: only partitions that are wanted.
 * @param states each with all rows that there are; made with `putRow`. Frozen by this.
 * @throws {CheckError} naming app, history, step and the keys that differ.
 */
export function checkApp<O>(app: App<O> | readonly App<O>[], states: readonly State[], options: CheckOptions<O>): void {
  const apps = "units" in app ? [app] : app;
  for (const state of states) for (const change of state) freeze(change.row);
  const known = new Map<State, Answers<O>>();
  const fromScratch = (state: State): Answers<O> => {
    let answers = known.get(state);
    if (answers === undefined) {
      const host = new SimulatedHost(apps, options);
      host.show(state);
      answers = answersOf(host, options);
      known.set(state, answers);
    }
    return answers;
  };
  for (const [name, expand] of Object.entries(EXPANDERS)) {
    const host = new SimulatedHost(apps, options);
    [...expand(states), CLOSE].forEach((step, n) => {
      try {
        take(host, step);
        compare(answersOf(host, options), fromScratch(step.state), options);
        const [stale] = host.engine.audit();
        if (stale !== undefined) throw new CheckError(`${ownerText(stale.owner)}: ${stale.difference}`);
      } catch (cause) {
        if (!(cause instanceof CheckError)) throw cause;
        const at = `state ${states.indexOf(step.state)}, ${step.state.length} rows`;
        throw new CheckError(`${apps.map((one) => one.name).join(", ")}: ${name}, step ${n} (${at}): ${cause.message}`);
      }
    });
  }
}

/** What one change costs, once a state has been compiled. */
export interface Cost {
  readonly unitsRun: number;
  /** Outputs set or removed. */
  readonly outputsChanged: number;
}
/** The cost of a change (one batch) at a host that has compiled `state`. A change in a partition that the host does not want costs nothing. */
export function costOf<O>(
  app: App<O> | readonly App<O>[],
  state: State,
  change: RowChange | readonly RowChange[],
  options: HostOptions<O>,
): Cost {
  const host = new SimulatedHost("units" in app ? [app] : app, options);
  host.show(state);
  const { unitsRun, set, removed } = host.change("table" in change ? [change] : change);
  return { unitsRun, outputsChanged: set.size + removed.size };
}

function take<O>(host: SimulatedHost<O>, step: Step): void {
  switch (step.kind) {
    case "show":
      host.show(step.state, step.arrival);
      return;
    case "squash":
      host.squash(step.states);
      return;
    case "close":
      host.close();
      return;
    case "repeat": {
      const { unitsRun, set, removed } = host.repeat();
      if (unitsRun + set.size + removed.size > 0) throw new CheckError(`equal rows again ran ${unitsRun} units`);
      return;
    }
  }
}

function answersOf<O>({ engine }: SimulatedHost<O>, options: CheckOptions<O>): Answers<O> {
  const rest = new Map<string, string>();
  for (const conflict of engine.conflicts()) rest.set(`conflict over ${subject(conflict)}`, owners(conflict.owners));
  for (const { owner, error } of engine.faults()) {
    if (options.faults !== "allowed") throw new CheckError(`${ownerText(owner)} failed: ${inspect(error)}`);
    rest.set(`fault of ${ownerText(owner)}`, String(error));
  }
  for (const partition of engine.interest()) rest.set(`interest in ${partition}`, "yes");
  const outputs = new Map(engine.outputs());
  for (const key of outputs.keys()) rest.set(`owners of ${key}`, owners(engine.ownersOf(key)));
  return { outputs, rest };
}
const subject = (conflict: Conflict): string =>
  conflict.view === undefined ? conflict.key : `row ${conflict.key} of ${conflict.view}`;
const ownerText = (owner: Owner): string => `${owner.app}/${owner.table} ${owner.partition} ${owner.id}`;
const owners = (of: readonly Owner[]): string => of.map(ownerText).join(", ");

/** More differences than this are not listed. */
const LISTED = 8;

function compare<O>(now: Answers<O>, scratch: Answers<O>, options: CheckOptions<O>): void {
  const print = options.show ?? ((output: O) => inspect(output, { depth: 6, breakLength: 200 }));
  const differences = [
    ...differencesOf(now.outputs, scratch.outputs, (a, b) => options.output.same(a, b), print),
    ...differencesOf(
      now.rest,
      scratch.rest,
      (a, b) => a === b,
      (text) => text,
    ),
  ];
  if (differences.length === 0) return;
  const more = differences.length > LISTED ? `\n  and ${differences.length - LISTED} more` : "";
  throw new CheckError(`incremental (-) differs from scratch (+)\n${differences.slice(0, LISTED).join("\n")}${more}`);
}
function differencesOf<V>(
  now: ReadonlyMap<string, V>,
  scratch: ReadonlyMap<string, V>,
  same: (a: V, b: V) => boolean,
  print: (value: V) => string,
): readonly string[] {
  const differences: string[] = [];
  for (const [key, value] of now) {
    const expected = scratch.get(key);
    if (expected !== undefined && same(value, expected)) continue;
    differences.push(`  - ${key}: ${print(value)}`);
    if (expected !== undefined) differences.push(`  + ${key}: ${print(expected)}`);
  }
  for (const [key, expected] of scratch) if (!now.has(key)) differences.push(`  + ${key}: ${print(expected)}`);
  return differences;
}
