/** How figures are taken: repeated, and told as median, minimum and maximum. */
export interface Figure {
  readonly name: string;
  readonly unit: "ms" | "MB" | "count" | "ratio";
  readonly median: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** What the issue or the peer says: a bound, or another system's figure. */
  readonly bound?: number;
  readonly note?: string;
}

export interface Case {
  readonly name: string;
  readonly about: string;
  readonly run: (report: (line: string) => void) => Promise<readonly Figure[]>;
}

export function figure(
  name: string,
  unit: Figure["unit"],
  values: readonly number[],
  more: Pick<Figure, "bound" | "note"> = {},
): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (fraction: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? Number.NaN;
  return { name, unit, median: at(0.5), p95: at(0.95), min: at(0), max: at(1), runs: values.length, ...more };
}
