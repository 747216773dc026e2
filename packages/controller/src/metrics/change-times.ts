import type { Metrics } from "@dragonflow/metrics";
import type { AppliedCommit } from "@dragonflow/store";
import type { CONTROLLER_METRICS } from "./declared.ts";

/** From here on a change is worth a line in `status`. */
const SLOW_SECONDS = 1;
const SLOW_KEPT = 20;
/** More than these are not waited for: while the switch is away, changes go on. */
const MOST_PENDING = 10_000;

/** A change that took long. `id`: as the API told it to whoever made it. */
export interface SlowChange {
  readonly id: string;
  readonly committedAt: string;
  readonly seconds: number;
}
interface PendingChange {
  readonly id: string;
  readonly committedAtMs: number;
  /** The number of the switch's change that it is part of. */
  readonly change: number;
}

/**
 * Follows each commit from its arrival to the switch's barrier. What came by a snapshot, and what came while this host was not connected, is no change
 * that could be measured; neither is one that changes no flow here.
 */
export class ChangeTimes {
  readonly #metrics: Metrics<typeof CONTROLLER_METRICS>;
  readonly #nowMs: () => number;
  /** Arrived, and not compiled yet. */
  #fresh: AppliedCommit[] = [];
  /** In the order of `change`. */
  #pending: PendingChange[] = [];
  readonly #slow: SlowChange[] = [];

  /** @param nowMs the wall clock, which is the store's too as far as both are right. */
  constructor(metrics: Metrics<typeof CONTROLLER_METRICS>, nowMs: () => number = () => Date.now()) {
    this.#metrics = metrics;
    this.#nowMs = nowMs;
  }

  get pending(): number {
    return this.#pending.length;
  }
  /** The last ones that took long, the latest first. */
  get slow(): readonly SlowChange[] {
    return this.#slow.toReversed();
  }

  /** These are in the rows that will be compiled next. */
  arrived(commits: readonly AppliedCommit[]): void {
    for (const commit of commits) {
      this.#fresh.push(commit);
      if (commit.committedAtMs !== undefined)
        this.#metrics.observe("dragonflow_event_lag_seconds", this.#secondsSince(commit.committedAtMs));
    }
  }

  /** What has arrived is compiled, as a part of this change of the switch; undefined: it changes nothing there. */
  compiled(change: number | undefined): void {
    const commits = this.#fresh;
    this.#fresh = [];
    if (change === undefined) return;
    for (const { commit, committedAtMs } of commits)
      if (committedAtMs !== undefined && this.#pending.length < MOST_PENDING)
        this.#pending.push({ id: commit, committedAtMs, change });
  }

  /** Everything up to this change is in the switch. */
  applied(change: number): void {
    const first = this.#pending.findIndex((each) => each.change > change);
    const done = this.#pending.splice(0, first < 0 ? this.#pending.length : first);
    for (const { id, committedAtMs } of done) {
      const seconds = this.#secondsSince(committedAtMs);
      this.#metrics.observe("dragonflow_change_duration_seconds", seconds);
      if (seconds < SLOW_SECONDS) continue;
      this.#slow.push({ id, committedAt: new Date(committedAtMs).toISOString(), seconds });
      if (this.#slow.length > SLOW_KEPT) this.#slow.shift();
    }
  }

  /** Never negative: the clocks of two machines may say that it came before it was. */
  #secondsSince(committedAtMs: number): number {
    return Math.max(0, this.#nowMs() - committedAtMs) / 1000;
  }
}
