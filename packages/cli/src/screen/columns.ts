import { fit, type Palette, widthOf } from "./palette.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}
/** Text, and how it is painted once it has its width. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

const GAP = 2;

/** Widths that the contents ask for, the widest cut until all fit. @param room columns for all, gaps included */
export function columnWidths(columns: readonly Column[], rows: readonly (readonly Cell[])[], room: number): number[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[i]?.text ?? ""))),
  );
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP * (columns.length - 1) - room;
  for (; excess > 0; excess--) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= 1) break;
    widths[widest] = (widths[widest] ?? 1) - 1;
  }
  return widths;
}

/** Rows under their titles, for a pipe or a terminal, without a frame: as `ps` and `ip -br` print. */
export function plainTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  palette: Palette,
  room: number = Number.POSITIVE_INFINITY,
): string[] {
  const widths = columnWidths(columns, rows, room);
  const titles = columns.map((column) => ({ text: column.title, paint: palette.dim }));
  return [titles, ...rows].map((row) => line(columns, widths, row).trimEnd());
}

function line(columns: readonly Column[], widths: readonly number[], row: readonly Cell[]): string {
  return columns.map((column, i) => cell(row[i] ?? { text: "" }, widths[i] ?? 0, column)).join(" ".repeat(GAP));
}
function cell({ text, paint }: Cell, width: number, { align }: Column): string {
  const fitted = fit(text, width, align);
  return paint === undefined ? fitted : paint(fitted);
}

/**
 * A frame whose upper edge carries the titles: a table costs two lines more than its rows.
 *
 *     ╭ VM ── host ───────╮
 *     │ vm1   host1       │
 *     ╰───────────────────╯
 *
 * @param width of the whole, edges included. @param below written into the lower edge.
 */
export function framedTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  palette: Palette,
  options: { readonly width: number; readonly below?: string },
): string[] {
  const inner = options.width - 4;
  const widths = columnWidths(columns, rows, inner);
  const titles = columns.map(({ title }) => ({ text: title }));
  const rest = Math.max(0, inner - widths.reduce((sum, width) => sum + width + GAP, -GAP));
  const edge = palette.dim;
  const top = ` ${line(columns, widths, titles)}${" ".repeat(rest)} `
    .replaceAll(/ {3,}/g, (run) => ` ${"─".repeat(run.length - 2)} `)
    .replace(/ $/, "─")
    .split(/(─+)/)
    .map((part, i) => (i % 2 === 0 ? palette.strong(part) : edge(part)));
  const below = options.below === undefined ? "" : ` ${options.below} `;
  return [
    `${edge("╭")}${top.join("")}${edge("╮")}`,
    ...rows.map((row) => `${edge("│")} ${line(columns, widths, row)}${" ".repeat(rest)} ${edge("│")}`),
    `${edge("╰─")}${below}${edge(`${"─".repeat(Math.max(0, options.width - 3 - widthOf(below)))}╯`)}`,
  ];
}
