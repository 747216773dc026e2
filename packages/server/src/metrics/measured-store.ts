import type { Metrics } from "@dragonflow/metrics";
import type { Event, StoreDriver, Watch } from "@dragonflow/store";
import type { SERVER_METRICS } from "./declared.ts";

type ServerMetrics = Metrics<typeof SERVER_METRICS>;
type Read = "get" | "head" | "snapshot";

/** The same store, with a look at the clock before and after. */
export function measuredStore(driver: StoreDriver, metrics: ServerMetrics): StoreDriver {
  for (const outcome of ["ok", "conflict", "error"])
    metrics.prepare("dragonflow_store_commit_duration_seconds", { outcome });
  for (const operation of ["get", "head", "snapshot"] satisfies Read[])
    metrics.prepare("dragonflow_store_read_duration_seconds", { operation });

  async function read<T>(operation: Read, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const value = await work();
    metrics.observe("dragonflow_store_read_duration_seconds", secondsSince(startedAt), { operation });
    return value;
  }
  return {
    get capabilities() {
      return driver.capabilities;
    },
    get: (topic, id) => read("get", () => driver.get(topic, id)),
    head: (topic) => read("head", () => driver.head(topic)),
    snapshot: (topic) => read("snapshot", () => driver.snapshot(topic)),
    async commit(...request) {
      const startedAt = performance.now();
      let outcome = "error";
      try {
        const committed = await driver.commit(...request);
        outcome = committed.ok ? "ok" : "conflict";
        return committed;
      } finally {
        metrics.observe("dragonflow_store_commit_duration_seconds", secondsSince(startedAt), { outcome });
      }
    },
    watch: () => measuredWatch(driver.watch(), metrics),
    lease: (...request) => driver.lease(...request),
    close: () => driver.close(),
  };
}

const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1000;

function measuredWatch(watch: Watch, metrics: ServerMetrics): Watch {
  return {
    add: (subscriptions) => watch.add(subscriptions),
    drop: (topics) => watch.drop(topics),
    close: () => watch.close(),
    async *[Symbol.asyncIterator]() {
      for await (const event of watch) {
        observeLag(event, metrics);
        yield event;
      }
    },
  };
}

/** Each commit once, though it may touch several topics. */
function observeLag(event: Event, metrics: ServerMetrics): void {
  if (event.type !== "commits") return;
  const now = Date.now();
  const seen = new Set<string>();
  for (const { commit, committedAtMs } of event.batch) {
    if (committedAtMs === undefined || seen.has(commit)) continue;
    seen.add(commit);
    // Clocks of two machines may say that it came before it was.
    metrics.observe("dragonflow_store_event_lag_seconds", Math.max(0, now - committedAtMs) / 1000);
  }
}
