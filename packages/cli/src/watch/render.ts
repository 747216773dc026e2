/** The live table as lines of text: a pure function, so that what people see first is tested as they see it. */
import { type Cell, type Column, framedTable } from "../screen/columns.ts";
import { counted, fit, type Palette, printable, widthOf } from "../screen/palette.ts";
import { type Family, type PairView, type Totals, WINDOW_SECONDS } from "./ping-board.ts";
import type { LabView } from "./view.ts";

const WIDEST = 120;
const NARROWEST = 40;
/** `0.42` and ` 12%` of the last answers lost. */
const WIDE_CELL = 8;
const SLIM_CELL = 4;

export interface Frame {
  /** Columns of the terminal. */
  readonly width: number;
  /** Lines of it; blank lines between the parts go first where there are few. */
  readonly height: number;
}

export function renderLab(view: LabView, frame: Frame, palette: Palette): string[] {
  const width = Math.max(NARROWEST, Math.min(WIDEST, frame.width - 1));
  const parts = [
    [headline(view, palette), ...hostLines(view, width, palette)],
    vmTable(view, width, palette),
    matrix(view, width, palette),
    footer(view, width, palette),
  ].filter((lines) => lines.length > 0);
  const lines = parts.flat().length;
  const airy = lines + parts.length < frame.height;
  return parts.flatMap((part, i) => (airy && i > 0 ? ["", ...part] : part));
}

function headline({ lab, hosts, vms, seconds }: LabView, palette: Palette): string {
  const facts = [`lab ${lab}`, counted(hosts.length, "host"), counted(vms.length, "VM")];
  if (seconds >= 1) facts.push(duration(seconds));
  return ` ${palette.title("Dragonflow")}  ${facts.join(palette.dim(" · "))}`;
}
function duration(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const clock = `${two(minutes % 60)}:${two(Math.floor(seconds) % 60)}`;
  return minutes < 60 ? clock : `${Math.floor(minutes / 60)}:${clock}`;
}

/** A dot per host; a line says what is wrong where something is. */
function hostLines({ hosts }: LabView, width: number, palette: Palette): string[] {
  const lines: string[] = [];
  for (const { name, state, alive } of hosts) {
    const [dot, trouble] =
      state === "down"
        ? [palette.bad("○"), palette.bad(" down")]
        : alive === false
          ? [palette.warning("◐"), palette.warning(" controller away")]
          : [palette.good("●"), ""];
    const item = `${dot} ${name}${trouble}`;
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 3 + widthOf(item) <= width) lines[lines.length - 1] = `${last}   ${item}`;
    else lines.push(` ${item}`);
  }
  return lines;
}

function vmTable({ vms }: LabView, width: number, palette: Palette): string[] {
  if (vms.length === 0) return [palette.dim(" no VMs yet")];
  const columns: Column[] = [
    { title: "VM" },
    { title: "host" },
    { title: "network" },
    { title: "port" },
    { title: "IPv4" },
    { title: "IPv6" },
  ];
  const rows = vms.map(({ name, host, network, status, addresses }): Cell[] => {
    const of = (six: boolean) => addresses.filter((address) => address.includes(":") === six).join(" ");
    const paint = status === "ACTIVE" ? palette.good : status === "DOWN" ? palette.bad : palette.dim;
    return [
      { text: name, paint: palette.strong },
      { text: host },
      { text: printable(network) },
      { text: status === "" ? "?" : status, paint },
      { text: of(false) },
      { text: of(true) },
    ];
  });
  return framedTable(columns, rows, palette, { width });
}

/** A row and a column per VM; each pair has a place for IPv4 and, mirrored, one for IPv6. */
function matrix(view: LabView, width: number, palette: Palette): string[] {
  const { vms, pairs, totals } = view;
  if (pairs.length === 0) return [];
  const names = vms.map(({ name }) => name);
  const label = Math.max(...names.map((name) => name.length), "ping ms".length);
  const room = (cell: number) => 4 + label + names.length * (2 + cell) <= width;
  const below = totalsText(totals, width - 6, palette);
  if (!room(SLIM_CELL)) return worstPairs(pairs, width, palette, below);
  const wide = room(WIDE_CELL);
  const cellWidth = wide ? WIDE_CELL : SLIM_CELL;
  const found = new Map(pairs.map((pair) => [cellKey(pair.from, pair.to, pair.family), pair]));
  const columns: Column[] = [
    { title: fit("ping ms", label).trimEnd() },
    ...names.map((name): Column => ({ title: fit(name, Math.min(cellWidth, name.length)), align: "right" })),
  ];
  const rows = names.map((row, i) => [
    { text: fit(row, label), paint: palette.strong },
    ...names.map((column, j): Cell => {
      if (i === j) return { text: fit("·", cellWidth, "right"), paint: palette.dim };
      const pair = i > j ? found.get(cellKey(column, row, 4)) : found.get(cellKey(row, column, 6));
      const { text, paint } = pairCell(pair, wide, palette);
      return { text: fit(text, cellWidth, "right"), paint };
    }),
  ]);
  const [top = "", ...rest] = framedTable(columns, rows, palette, { width, below });
  return [
    top,
    ...rest,
    palette.dim(fit(` IPv4 below the diagonal, IPv6 above it; loss of the last ${WINDOW_SECONDS} s`, width).trimEnd()),
  ];
}

const cellKey = (from: string, to: string, family: Family): string => `${from} ${to} ${family}`;

function pairCell(pair: PairView | undefined, wide: boolean, palette: Palette): Required<Cell> {
  if (pair === undefined) return { text: "", paint: palette.dim };
  const { rttMs, recentLoss } = pair;
  if (rttMs === null && recentLoss === null) return { text: "…", paint: palette.dim };
  const loss = Math.round((recentLoss ?? 0) * 100);
  const paint = loss === 0 ? palette.good : loss < 50 ? palette.warning : palette.bad;
  const time = rttMs === null || loss === 100 ? "-" : milliseconds(rttMs);
  if (wide) return { text: `${time} ${String(loss).padStart(loss < 10 ? 2 : 1)}%`, paint };
  return { text: loss === 0 ? time : `${loss}%`, paint };
}

/** At most four columns. */
function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms < 9999.5 ? ms.toFixed(0) : ">10s";
}

function totalsText(totals: readonly Totals[], room: number, palette: Palette): string {
  const text = (long: boolean) =>
    totals
      .filter(({ pairs }) => pairs > 0)
      .map(({ family, sent, lost, averageMs }) => {
        const average = averageMs === null ? "" : `, ${milliseconds(averageMs)} ms`;
        const losses = (lost === 0 ? palette.good : palette.bad)(`${lost} lost`);
        return long ? `IPv${family} ${sent} sent, ${losses}${average}` : `IPv${family} ${losses}`;
      })
      .join(palette.dim(" ── "));
  return widthOf(text(true)) <= room ? text(true) : text(false);
}

/** Where a matrix has no room: the pairs that are worst off. */
function worstPairs(all: readonly PairView[], width: number, palette: Palette, below: string): string[] {
  const MOST = 8;
  const badness = ({ recentLoss, rttMs }: PairView) => (recentLoss ?? 1) * 1e6 + (rttMs ?? 0);
  const worst = [...all].sort((a, b) => badness(b) - badness(a)).slice(0, MOST);
  const columns: Column[] = [
    { title: `slowest of ${all.length} pairs` },
    { title: "family" },
    { title: "ping ms", align: "right" },
  ];
  const rows = worst.map((pair): Cell[] => [
    { text: `${pair.from} – ${pair.to}` },
    { text: `IPv${pair.family}`, paint: palette.dim },
    pairCell(pair, true, palette),
  ]);
  return framedTable(columns, rows, palette, { width, below });
}

function footer({ api, apiError, suggestions, ending }: LabView, width: number, palette: Palette): string[] {
  const [first, ...others] = suggestions.map((command) => palette.command(command));
  const label = (text: string) => palette.dim(fit(text, 5));
  const lines = [
    api === null
      ? ` ${label("API")} none`
      : ` ${label("API")} ${palette.command(`export OS_AUTH_TYPE=none OS_ENDPOINT=${api}`)}`,
  ];
  if (apiError !== null) lines.push(`       ${palette.bad(fit(printable(apiError), width - 7).trimEnd())}`);
  if (first !== undefined) lines.push(` ${label("Try")} ${first}`);
  for (const command of others) lines.push(`       ${command}`);
  if (ending !== "") lines.push(palette.dim(` ${ending}`));
  return lines;
}
