/** Flows as people read them: by the object that caused them, in the order of the pipeline. */
import { counted, type Palette, printable } from "../screen/palette.ts";
import type { Flow } from "./socket.ts";

export interface FlowFilter {
  /** Id or name. */
  readonly port?: string;
  readonly app?: string;
}

/** Names of objects by id, as far as the API gave them. */
export type Names = ReadonlyMap<string, string>;

export function filterFlows(flows: readonly Flow[], filter: FlowFilter, names: Names): readonly Flow[] {
  return flows.filter(
    ({ owner }) =>
      (filter.app === undefined || owner.app === filter.app) &&
      (filter.port === undefined ||
        owner.id === filter.port ||
        (owner.kind === "port" && names.get(owner.id) === filter.port)),
  );
}

/** @param tables names in pipeline order */
export function flowLines(
  host: string,
  flows: readonly Flow[],
  names: Names,
  tables: readonly string[],
  palette: Palette,
): string[] {
  const groups = Map.groupBy(flows, ({ owner }) => `${owner.kind} ${owner.id}`);
  const refused = flows.filter((flow) => flow.refused !== null).length;
  const count = `${counted(flows.length, "flow")} of ${counted(groups.size, "object")}`;
  const trouble = refused === 0 ? "" : palette.bad(`, ${refused} refused by the switch`);
  const place = new Map(tables.map((name, i) => [name, i]));
  const order = (a: Flow, b: Flow) =>
    (place.get(a.table) ?? tables.length) - (place.get(b.table) ?? tables.length) ||
    b.priority - a.priority ||
    compare(a.match, b.match);
  const width = Math.max(0, ...flows.map(({ table }) => table.length));
  const blocks = [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      return first === undefined ? [] : [{ owner: first.owner, group }];
    })
    .sort((a, b) => compare(sortKey(a.owner, names), sortKey(b.owner, names)))
    .flatMap(({ owner, group }) => [
      "",
      titleOf(owner, group, names, palette),
      ...group.toSorted(order).flatMap((flow) => flowLine(flow, width, palette)),
    ]);
  return [`${palette.title(host === "" ? "this host" : host)}  ${count}${trouble}`, ...blocks];
}

/** By kind, name, and number: vm2 before vm10. */
function sortKey({ kind, id }: Flow["owner"], names: Names): string {
  const name = (names.get(id) ?? "").replaceAll(/\d+/g, (digits) => digits.padStart(12, "0"));
  return [kind, name, id].join("\0");
}

function titleOf({ kind, id }: Flow["owner"], flows: readonly Flow[], names: Names, palette: Palette): string {
  const name = names.get(id) ?? "";
  const apps = [...new Set(flows.map(({ owner }) => owner.app))].sort().join(", ");
  const what =
    name === ""
      ? palette.strong(`${kind} ${printable(id)}`)
      : `${palette.strong(`${kind} ${printable(name)}`)} ${printable(id)}`;
  return `${what}  ${palette.dim(apps)}`;
}

function flowLine({ table, priority, match, actions, refused }: Flow, width: number, palette: Palette): string[] {
  const body = `${table.padEnd(width)}  ${String(priority).padStart(5)}  ${match === "" ? "*" : match}`;
  const line = `  ${body} ${palette.dim("→")} ${actions === "" ? "drop" : actions}`;
  if (refused === null) return [line];
  return [palette.bad(`  ${body} → ${actions}`), palette.bad(`  ${" ".repeat(width)}  refused: ${printable(refused)}`)];
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
