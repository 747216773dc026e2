/** Metrics for Prometheus: declared as data, counted by whoever does the work, and shown at an address that an operator chooses. */
export {
  counter,
  type Declaration,
  type Declarations,
  FAST_SECONDS,
  gauge,
  histogram,
  LAG_SECONDS,
  type MetricType,
  PROCESS_METRICS,
} from "./declaration.ts";
export { type MetricsListener, type MetricsListenSettings, openMetricsListener } from "./listener.ts";
export { Metrics, type Scraped } from "./metrics.ts";
