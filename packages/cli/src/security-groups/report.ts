/** What rules, ports and drops have counted on several hosts, with the names that people gave. */
import type { Port, SecurityGroup } from "../api/resources.ts";
import type { Names } from "../introspection/flow-list.ts";
import type { Statistics } from "../introspection/socket.ts";
import { ruleText } from "./rule-text.ts";

/** Everything is of a host: the same rule counts on each host that has a port with its group. */
export interface Report {
  readonly rules: readonly RuleCount[];
  readonly ports: readonly PortCount[];
  readonly drops: readonly DropCount[];
}
export interface RuleCount {
  readonly host: string;
  readonly id: string;
  /** In words; null for one that the API does not know (any more). */
  readonly rule: string | null;
  readonly group: Named | null;
  /** Null for a rule of a stateless group, which knows no connections. */
  readonly connections: number | null;
  readonly packets: number;
}
export interface PortCount {
  readonly host: string;
  readonly id: string;
  readonly name: string | null;
  readonly connections: number | null;
  readonly sent: Traffic;
  readonly received: Traffic;
}
export interface DropCount {
  readonly host: string;
  /** Null: of no port in particular. */
  readonly port: Named | null;
  readonly reason: string;
  readonly table: string;
  readonly packets: number;
}
export interface Named {
  readonly id: string;
  readonly name: string | null;
}
interface Traffic {
  readonly packets: number;
  readonly bytes: number;
}

/** What the API knows; empty where there is none. */
export interface Catalogue {
  readonly groups: readonly SecurityGroup[];
  readonly ports: readonly Port[];
  readonly names: Names;
}

/** Ids of what is asked for; undefined: of everything. */
export interface ReportFilter {
  readonly groups?: ReadonlySet<string>;
  readonly ports?: ReadonlySet<string>;
}

export interface HostStatistics {
  readonly host: string;
  readonly statistics: Statistics;
}

/**
 * Of the filter's groups their rules, their ports and the drops of these; of its ports they themselves, their drops, and their groups' rules. Most
 * drops are counted for a host as a whole: they are of whoever is on it. Pure.
 */
export function reportOf(answers: readonly HostStatistics[], catalogue: Catalogue, filter: ReportFilter): Report {
  const { names } = catalogue;
  const named = (id: string): Named => ({ id, name: names.get(id) ?? null });
  const rules = new Map(
    catalogue.groups.flatMap((group) => group.security_group_rules.map((rule) => [rule.id, rule] as const)),
  );
  const isAsked = asked(catalogue, filter);
  const each = <T>(pick: (one: Statistics, host: string) => readonly T[]): readonly T[] =>
    answers.flatMap(({ host, statistics }) => pick(statistics, host));
  return {
    rules: each((one, host) =>
      one.rules
        .map(({ id, connections, packets }) => {
          const rule = rules.get(id);
          const group = rule === undefined ? null : named(rule.security_group_id);
          return { host, id, rule: rule === undefined ? null : ruleText(rule, names), group, connections, packets };
        })
        .filter(({ group }) => isAsked.group(group?.id)),
    ),
    ports: each((one, host) =>
      one.ports.filter(({ id }) => isAsked.port(id)).map((port) => ({ host, ...port, ...named(port.id) })),
    ),
    drops: each((one, host) =>
      one.drops
        .filter(({ port }) => (port === null ? one.ports.some(({ id }) => isAsked.port(id)) : isAsked.port(port)))
        .map(({ port, ...drop }) => ({ host, port: port === null ? null : named(port), ...drop })),
    ),
  };
}

function asked({ ports }: Catalogue, filter: ReportFilter) {
  const inGroups = ports.filter((port) => port.security_groups.some((id) => filter.groups?.has(id) === true));
  const ofPorts = ports.filter(({ id }) => filter.ports?.has(id) === true).flatMap((port) => port.security_groups);
  const wantedPorts = both(
    filter.ports,
    filter.groups === undefined ? undefined : new Set(inGroups.map(({ id }) => id)),
  );
  const wantedGroups = both(filter.groups, filter.ports === undefined ? undefined : new Set(ofPorts));
  const isIn = (wanted: ReadonlySet<string> | undefined) => (id: string | undefined) =>
    wanted === undefined || (id !== undefined && wanted.has(id));
  return { port: isIn(wantedPorts), group: isIn(wantedGroups) };
}

/** Undefined stands for everything. */
function both(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): ReadonlySet<string> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.intersection(b);
}
