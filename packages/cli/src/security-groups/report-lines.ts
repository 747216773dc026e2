/** A report for people: sums over all hosts, what counted most first. */
import { type Cell, type Column, plainTable } from "../screen/columns.ts";
import { type Palette, printable } from "../screen/palette.ts";
import type { DropCount, PortCount, Report, RuleCount } from "./report.ts";

export function reportLines({ rules, ports, drops }: Report, palette: Palette): string[] {
  return [
    ...section("rules", RULES, ruleRows(rules), palette),
    "",
    ...portSection(ports, palette),
    "",
    ...section("drops", DROPS, dropRows(drops), palette),
  ];
}

const right = (title: string): Column => ({ title, align: "right" });
const RULES: readonly Column[] = [right("connections"), right("packets"), { title: "group" }, { title: "rule" }];
const DROPS: readonly Column[] = [right("packets"), { title: "port" }, { title: "host" }, { title: "reason" }];

function section(
  title: string,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  palette: Palette,
): string[] {
  if (rows.length === 0) return [`${palette.title(title)}  none`];
  const cells = rows.map((row) => row.map((text): Cell => ({ text })));
  return [palette.title(title), ...plainTable(columns, cells, palette).map((line) => `  ${line}`)];
}

const count = (value: number | null): string => (value === null ? "-" : String(value));
const nameOf = (named: { readonly id: string; readonly name: string | null } | null): string =>
  named === null ? "-" : printable(named.name ?? named.id);
/** vm2 before vm10. */
const byName = new Intl.Collator("en", { numeric: true }).compare;

/** A rule is one, on however many hosts it counts. */
function ruleRows(rules: readonly RuleCount[]): string[][] {
  const sums = [...Map.groupBy(rules, ({ id }) => id).values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const connections = same.reduce<number | null>((sum, one) => plus(sum, one.connections), null);
    const packets = same.reduce((sum, one) => sum + one.packets, 0);
    return [{ ...first, connections, packets }];
  });
  // A group that several projects have, or several of one name, are told apart by their ids.
  const idsByName = Map.groupBy(sums, ({ group }) => group?.name ?? null);
  const titleOf = ({ group }: RuleCount): string => {
    const sameName = idsByName.get(group?.name ?? null) ?? [];
    const isAmbiguous = group?.name !== null && new Set(sameName.map((other) => other.group?.id)).size > 1;
    return isAmbiguous && group !== null ? `${nameOf(group)} ${group.id}` : nameOf(group);
  };
  return sums
    .toSorted(
      (a, b) =>
        byName(titleOf(a), titleOf(b)) ||
        (b.connections ?? b.packets) - (a.connections ?? a.packets) ||
        byName(a.rule ?? a.id, b.rule ?? b.id),
    )
    .map((sum) => [count(sum.connections), count(sum.packets), titleOf(sum), sum.rule ?? sum.id]);
}
const plus = (sum: number | null, value: number | null): number | null => (value === null ? sum : (sum ?? 0) + value);

/** No switch of today counts connections by port: the column comes with the first number. */
function portSection(ports: readonly PortCount[], palette: Palette): string[] {
  const hasConnections = ports.some(({ connections }) => connections !== null);
  const columns = [
    { title: "port" },
    { title: "host" },
    ...(hasConnections ? [right("connections")] : []),
    ...["sent", "received"].flatMap((way) => [right(way), right("bytes")]),
  ];
  const rows = ports
    .toSorted((a, b) => byName(nameOf(a), nameOf(b)) || byName(a.host, b.host))
    .map((port) => [
      nameOf(port),
      hostText(port.host),
      ...(hasConnections ? [count(port.connections)] : []),
      ...[port.sent, port.received].flatMap(({ packets, bytes }) => [String(packets), String(bytes)]),
    ]);
  return section("ports", columns, rows, palette);
}

/** What has dropped nothing explains nothing. */
function dropRows(drops: readonly DropCount[]): string[][] {
  return drops
    .filter(({ packets }) => packets > 0)
    .toSorted((a, b) => b.packets - a.packets || byName(nameOf(a.port), nameOf(b.port)) || byName(a.reason, b.reason))
    .map(({ packets, port, host, reason }) => [String(packets), nameOf(port), hostText(host), reason]);
}

const hostText = (host: string): string => (host === "" ? "this host" : host);
