/**
 * Metrics as data: ONE ROW PER METRIC. What is exported, the types of whoever counts, docs/metrics.md and the check of the dashboard all derive from
 * it. Names and units are Prometheus' (seconds, bytes, `_total` for what only grows). A label takes its values from a small set that is known
 * beforehand: never an id, an address, or anything that grows with the cloud.
 */
export interface Declaration<T extends MetricType = MetricType, L extends string = string> {
  readonly type: T;
  readonly help: string;
  readonly labels: readonly L[];
  /** Of a histogram: upper bounds, in the metric's unit. */
  readonly buckets?: readonly number[];
}
export type MetricType = "counter" | "gauge" | "histogram";
export type Declarations = Readonly<Record<string, Declaration>>;

export function counter<const L extends readonly string[]>(
  help: string,
  ...labels: L
): Declaration<"counter", L[number]> {
  return { type: "counter", help, labels };
}
export function gauge<const L extends readonly string[]>(help: string, ...labels: L): Declaration<"gauge", L[number]> {
  return { type: "gauge", help, labels };
}
export function histogram<const L extends readonly string[]>(
  buckets: readonly number[],
  help: string,
  ...labels: L
): Declaration<"histogram", L[number]> {
  return { type: "histogram", help, labels, buckets };
}

/** Seconds: of a commit, a batch, a barrier, a request. */
export const FAST_SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
/** Seconds: from one end of the cloud to the other. */
export const LAG_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** What every process tells of itself; the names without a prefix are those that every Prometheus client uses. */
export const PROCESS_METRICS = {
  process_cpu_seconds_total: counter("CPU time of the process, user and system, all its threads."),
  process_resident_memory_bytes: gauge("Memory of the process that is in RAM."),
  process_start_time_seconds: gauge("When the process started, in seconds since 1970."),
  dragonflow_heap_used_bytes: gauge("JavaScript objects of the main thread, garbage included."),
  dragonflow_event_loop_active_seconds_total: counter("Time that the main thread was at work and not waiting."),
  dragonflow_scrapes_refused_total: counter("Connections beyond what the metrics listener takes at a time."),
} as const satisfies Declarations;
