import { counted, type Palette, printable } from "../screen/palette.ts";
import type { Difference } from "./difference.ts";
import type { Pass } from "./pass.ts";

/** Names of objects by id, as far as the API gave them. */
type Names = ReadonlyMap<string, string>;

/** Of each kind of place so many lines; the rest is in `--json`. */
const MOST = 50;
const TITLES: Readonly<Record<Difference["where"], string>> = {
  store: "the store, against the objects that its records stand for",
  host: "controllers, against the store",
  switch: "switches, against their controllers",
  reachability: "what the flows do, against what the model allows",
};

/** The result in words: what was looked at, and what is not as it shall be, with its owner. */
export function reportLines(pass: Pass, seed: number | undefined, names: Names, palette: Palette): readonly string[] {
  const { store, hosts, reachability, differences } = pass;
  const flows = hosts.reduce((sum, host) => sum + host.flows, 0);
  const sampled = seed === undefined ? "" : `, a sample of seed ${seed}`;
  return [
    `store         ${counted(store.records, "record")} of ${counted(store.topics, "topic")}, digest ${store.digest.slice(0, 16)}`,
    `hosts         ${counted(hosts.length, "host")}, ${counted(flows, "flow")}`,
    `reachability  ${counted(reachability.pairs, "pair")} of ports${sampled}: ${counted(reachability.packets, "packet")}, ${reachability.allowed} of them allowed`,
    "",
    ...(differences.length === 0
      ? [palette.good("all is as it shall be")]
      : [
          palette.bad(counted(differences.length, "difference")),
          ...Object.entries(TITLES).flatMap(([where, title]) =>
            section(
              title,
              differences.filter((one) => one.where === where),
              names,
              palette,
            ),
          ),
        ]),
  ];
}

function section(title: string, found: readonly Difference[], names: Names, palette: Palette): readonly string[] {
  if (found.length === 0) return [];
  const more = found.length > MOST ? [palette.dim(`  and ${found.length - MOST} more: --json has all`)] : [];
  return ["", palette.strong(title), ...found.slice(0, MOST).flatMap((one) => lines(one, names, palette)), ...more];
}

function lines({ host, problem, what, owner, detail, flows = [] }: Difference, names: Names, palette: Palette) {
  const name = owner === null ? undefined : names.get(owner.id);
  const whose = owner === null ? "" : `  ${owner.kind} ${name === undefined ? "" : `${printable(name)} `}${owner.id}`;
  return [
    `  ${host === null ? "" : `${host}  `}${palette.bad(problem)}  ${printable(what)}${palette.strong(whose)}`,
    `      ${palette.dim(printable(detail))}`,
    ...flows.map((line) => `      ${palette.dim(printable(line))}`),
  ];
}
