/** How figures are taken: repeated, and told as median, minimum and maximum. */
export interface Spread {
  readonly median: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}
export interface Figure extends Spread {
  readonly name: string;
  readonly unit: "ms" | "µs" | "MB" | "bytes" | "count" | "ratio";
  /** What a change has to keep: a bound, or a ratio. */
  readonly bound?: number;
  /** The same beside OVN: our median is at most so many times its. */
  readonly peerBound?: number;
  readonly note?: string;
  /** What OVN's benchmark of the same gave, before and after ours. */
  readonly peer?: Spread;
}

/** Where a case stands in the report, in this order. */
export const SECTIONS = ["Control plane", "Fleet", "Data plane", "Parts"] as const;
export type Section = (typeof SECTIONS)[number];

export interface Case {
  readonly name: string;
  readonly section: Section;
  readonly about: string;
  /** Environment variables that choose its sizes, for the help. */
  readonly sizes?: string;
  readonly run: (report: (line: string) => void) => Promise<readonly Figure[]>;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (fraction: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? Number.NaN;
  return { median: at(0.5), p95: at(0.95), min: at(0), max: at(1), runs: values.length };
}

export function figure(
  name: string,
  unit: Figure["unit"],
  values: readonly number[],
  more: {
    readonly bound?: number | undefined;
    readonly peerBound?: number | undefined;
    readonly note?: string | undefined;
    readonly peer?: readonly number[] | undefined;
  } = {},
): Figure {
  const { bound, peerBound, note, peer = [] } = more;
  return {
    name,
    unit,
    ...spread(values),
    ...(bound === undefined ? {} : { bound }),
    ...(peerBound === undefined ? {} : { peerBound }),
    ...(note === undefined ? {} : { note }),
    ...(peer.length === 0 ? {} : { peer: spread(peer) }),
  };
}

/** Whether what is asked of a figure is so; undefined where nothing is asked, or OVN was not there to compare with. */
export function holds({ median, bound, peerBound, peer }: Figure): boolean | undefined {
  const checks = [
    ...(bound === undefined ? [] : [median <= bound]),
    ...(peerBound === undefined || peer === undefined ? [] : [median <= peerBound * peer.median]),
  ];
  return checks.length === 0 ? undefined : checks.every(Boolean);
}

/** Whole numbers from an environment variable, separated by commas. @throws {RangeError} for anything else. */
export function numbersFrom(variable: string, fallback: string): readonly number[] {
  const text = process.env[variable] ?? fallback;
  const numbers = text.split(",").map(Number);
  if (!numbers.every((n) => Number.isInteger(n) && n >= 0)) throw new RangeError(`${variable}=${text}: whole numbers`);
  return numbers;
}
export function numberFrom(variable: string, fallback: number): number {
  return numbersFrom(variable, String(fallback))[0] ?? fallback;
}
