import type { Topic } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import type { Position, TopicCommit } from "../contract.ts";
import { consistentCut, type HeldCommit } from "./consistent-cut.ts";
import type { ReplicaCounters, ReplicaReport } from "./replica-types.ts";
import type { TopicView } from "./topic-view.ts";

export interface HeldCommitsOptions {
  readonly clock: Clock;
  /** How long a commit waits for its other topics. */
  readonly holdMilliseconds: number;
  readonly counters: Pick<ReplicaCounters, "held" | "torn">;
  readonly report: (report: ReplicaReport) => void;
  /** The time of some is up: `take` gives them now. */
  readonly onRelease: () => void;
}

/** Commits that have arrived and are not applied yet: each waits for the other topics that it touches, but for a bounded time. */
export class HeldCommits {
  readonly #options: HeldCommitsOptions;
  /** Topics where some wait. */
  readonly #views = new Set<TopicView>();
  #cancelRelease: (() => void) | undefined;

  constructor(options: HeldCommitsOptions) {
    this.#options = options;
  }

  add(view: TopicView, commit: TopicCommit): void {
    view.queue.push({ commit, arrivedAt: this.#options.clock.now(), waited: false, released: false });
    this.#views.add(view);
  }
  /** What waits in this topic counts no more. */
  forget(view: TopicView): void {
    view.queue = [];
    this.#views.delete(view);
  }
  close(): void {
    this.#cancelRelease?.();
  }

  /**
   * Those that may be applied now, in order within a topic; the rest waits on.
   * @param applied where a topic is; undefined: not followed, or not up to date itself, and so not waited for.
   */
  take(applied: (topic: Topic) => Position | undefined): readonly (readonly [TopicView, readonly HeldCommit[]])[] {
    if (this.#views.size === 0) return [];
    const queues = new Map<Topic, readonly HeldCommit[]>();
    for (const view of this.#views) if (view.live) queues.set(view.topic, view.queue);
    const cut = consistentCut(queues, applied);
    const taken: (readonly [TopicView, readonly HeldCommit[]])[] = [];
    for (const view of this.#views) {
      const count = cut.get(view.topic) ?? 0;
      if (count === 0) continue;
      taken.push([view, view.queue.splice(0, count)]);
      if (view.queue.length === 0) this.#views.delete(view);
    }
    this.#scheduleRelease();
    return taken;
  }

  #scheduleRelease(): void {
    const { clock, counters, holdMilliseconds, onRelease } = this.#options;
    this.#cancelRelease?.();
    this.#cancelRelease = undefined;
    let first = Number.POSITIVE_INFINITY;
    for (const held of this.#waiting()) {
      if (!held.waited) counters.held++;
      held.waited = true;
      if (!held.released) first = Math.min(first, held.arrivedAt);
    }
    if (first === Number.POSITIVE_INFINITY) return;
    const left = Math.max(0, first + holdMilliseconds - clock.now());
    this.#cancelRelease = clock.after(left, () => {
      this.#release();
      onRelease();
    });
  }

  /** Those whose time is up go without the others. */
  #release(): void {
    const { clock, counters, holdMilliseconds, report } = this.#options;
    const due = clock.now() - holdMilliseconds;
    for (const held of this.#waiting()) {
      if (held.arrivedAt > due || held.released) continue;
      held.released = true;
      counters.torn++;
      report({ type: "torn", topic: held.commit.topic, commit: held.commit.commit });
    }
  }

  /** In topics that are followed as they come: elsewhere they wait for the topic itself. */
  *#waiting(): Generator<HeldCommit> {
    for (const view of this.#views) if (view.live) yield* view.queue;
  }
}
