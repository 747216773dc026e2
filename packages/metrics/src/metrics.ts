import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type Declaration, type Declarations, type MetricType, PROCESS_METRICS } from "./declaration.ts";

type NamesOf<D extends Declarations, T extends MetricType> = {
  [N in keyof D]: D[N]["type"] extends T ? N : never;
}[keyof D] &
  string;
type LabelsOf<D extends Declarations, N extends keyof D> =
  D[N] extends Declaration<MetricType, infer L> ? Readonly<Record<L, string>> : never;
/** Without labels none are given. */
type Labelled<D extends Declarations, N extends keyof D> =
  LabelsOf<D, N> extends Readonly<Record<never, string>>
    ? keyof LabelsOf<D, N> extends never
      ? readonly []
      : readonly [LabelsOf<D, N>]
    : never;

/** What can be scraped. */
export interface Scraped {
  readonly contentType: string;
  /** In Prometheus' text format. */
  text(): Promise<string>;
  /** A connection came that was one too many. */
  refused(): void;
}

/** The metrics of one process: those that are declared, and {@link PROCESS_METRICS}. */
export class Metrics<D extends Declarations> implements Scraped {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #collectors: (() => void)[] = [];
  #refused = 0;
  #rendering: Promise<string> | undefined;

  constructor(declarations: D) {
    for (const [name, declaration] of Object.entries({ ...declarations, ...PROCESS_METRICS }))
      this.#declare(name, declaration);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** A histogram's next value, in its unit. */
  observe<N extends NamesOf<D, "histogram">>(name: N, value: number, ...[labels]: Labelled<D, N>): void {
    this.#histograms.get(name)?.observe({ ...labels }, value);
  }
  /** These labels are shown from the beginning on, with nothing counted. */
  prepare<N extends NamesOf<D, "histogram">>(name: N, ...[labels]: Labelled<D, N>): void {
    this.#histograms.get(name)?.zero({ ...labels });
  }
  count<N extends NamesOf<D, "counter">>(name: N, by: number, ...[labels]: Labelled<D, N>): void {
    this.#counters.get(name)?.inc({ ...labels }, by);
  }
  /** What somebody else counts since the process started. */
  total<N extends NamesOf<D, "counter">>(name: N, value: number, ...[labels]: Labelled<D, N>): void {
    this.#total(name, value, { ...labels });
  }
  set<N extends NamesOf<D, "gauge">>(name: N, value: number, ...[labels]: Labelled<D, N>): void {
    this.#gauges.get(name)?.set({ ...labels }, value);
  }

  /** Looks at each scrape; nothing is counted twice only to be shown. */
  collect(collector: () => void): void {
    this.#collectors.push(collector);
  }

  refused(): void {
    this.#refused++;
  }

  /** Whoever asks while it is being written gets the same. */
  text(): Promise<string> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = undefined;
    });
    return this.#rendering;
  }

  async #render(): Promise<string> {
    this.#collectProcess();
    for (const collector of this.#collectors) collector();
    return this.#registry.metrics();
  }

  #declare(name: string, { type, help, labels, buckets }: Declaration): void {
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    switch (type) {
      case "counter":
        this.#counters.set(name, new Counter(options));
        break;
      case "gauge":
        this.#gauges.set(name, new Gauge(options));
        break;
      case "histogram":
        this.#histograms.set(name, new Histogram({ ...options, buckets: [...(buckets ?? [])] }));
    }
  }

  #total(name: string, value: number, labels: Readonly<Record<string, string>>): void {
    const found = this.#counters.get(name);
    found?.remove(labels);
    found?.inc(labels, value);
  }

  #collectProcess(): void {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    this.#total("process_cpu_seconds_total", (user + system) / 1e6, {});
    this.#gauges.get("process_resident_memory_bytes")?.set(rss);
    this.#gauges.get("process_start_time_seconds")?.set(Date.now() / 1000 - process.uptime());
    this.#gauges.get("dragonflow_heap_used_bytes")?.set(heapUsed);
    const activeMs = performance.eventLoopUtilization().active;
    this.#total("dragonflow_event_loop_active_seconds_total", activeMs / 1000, {});
    this.#total("dragonflow_scrapes_refused_total", this.#refused, {});
  }
}
