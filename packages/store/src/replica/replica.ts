import type { RecordId, Topic } from "@dragonflow/model";
import { type Clock, systemClock } from "../clock.ts";
import type { CommitId, Event, Head, Position, Snapshot, TopicCommit, Version, Watch } from "../contract.ts";
import { Unavailable } from "../errors.ts";
import { HeldCommits } from "./held-commits.ts";
import {
  type AppliedCommit,
  mostlyThere,
  type ReplicaBatch,
  type ReplicaCounters,
  type ReplicaOptions,
  type ReplicaReport,
  type Shrink,
} from "./replica-types.ts";
import { type Fields, type ParseKind, type RowChange, TopicRows } from "./topic-rows.ts";
import { type Barrier, type TopicState, TopicView } from "./topic-view.ts";

/**
 * A copy of some topics of a store, that follows their watch: verifies the chains, fetches a topic again after a gap, applies commits that touch
 * several topics as one step, and removes nothing because a store was unreachable or came back empty.
 */
export class Replica {
  readonly counters: ReplicaCounters = {
    commits: 0,
    snapshots: 0,
    gaps: 0,
    duplicates: 0,
    undecodable: 0,
    held: 0,
    torn: 0,
    shrinks: 0,
  };
  /** Resolves when the replica was closed; rejects with what ended its watch, or with what `onBatch` threw. */
  readonly done: Promise<void>;
  readonly #watch: Watch;
  readonly #onBatch: (batch: ReplicaBatch) => void;
  readonly #report: (report: ReplicaReport) => void;
  readonly #parse: ParseKind;
  readonly #clock: Clock;
  readonly #lingerMilliseconds: number;
  readonly #mayShrink: (shrink: Shrink) => boolean;
  readonly #views = new Map<Topic, TopicView>();
  readonly #held: HeldCommits;
  /** Those that this event changed. */
  readonly #touched = new Set<TopicView>();
  /** Those that this event applied. */
  readonly #applied = new Map<CommitId, AppliedCommit>();
  /** What `current` named, and is not all loaded yet. */
  #groups: Set<Topic>[] = [];
  #emitting: ReplicaBatch[] | undefined;
  #failure = Promise.withResolvers<never>();

  constructor(options: ReplicaOptions) {
    this.#watch = options.watch;
    this.#onBatch = options.onBatch;
    this.#report = options.onReport ?? (() => undefined);
    this.#parse = options.parse ?? ((_kind, fields) => fields);
    this.#clock = options.clock ?? systemClock;
    this.#held = new HeldCommits({
      clock: this.#clock,
      holdMilliseconds: options.holdMilliseconds ?? 100,
      counters: this.counters,
      report: this.#report,
      onRelease: () => this.#emit(this.#drain()),
    });
    this.#lingerMilliseconds = (options.lingerSeconds ?? 30) * 1000;
    this.#mayShrink = options.mayShrink ?? mostlyThere;
    this.done = Promise.race([this.#follow(), this.#failure.promise]);
  }

  /** Follows these topics; they are pending until loaded. One call is one round trip. */
  add(topics: Iterable<Topic>): void {
    const fresh: Topic[] = [];
    for (const topic of topics) {
      const known = this.#views.get(topic);
      if (known !== undefined) {
        known.cancelLinger?.();
        known.cancelLinger = undefined;
        continue;
      }
      const rows = new TopicRows(topic, this.#parse, (id, error) => {
        this.counters.undecodable++;
        this.#report({ type: "undecodable", topic, id, error });
      });
      this.#views.set(topic, new TopicView(topic, rows));
      fresh.push(topic);
    }
    this.#watch.add(fresh.map((topic) => ({ topic })));
  }

  /** Not wanted any more: after the linger its rows go, and it is pending again. */
  drop(topic: Topic): void {
    const view = this.#views.get(topic);
    if (view === undefined || view.cancelLinger !== undefined) return;
    view.cancelLinger = this.#clock.after(this.#lingerMilliseconds, () => this.#forget(view));
  }

  /** Wanted or lingering. */
  topics(): readonly Topic[] {
    return [...this.#views.keys()];
  }
  state(topic: Topic): TopicState {
    return this.#views.get(topic)?.state ?? "pending";
  }
  head(topic: Topic): Head | undefined {
    return this.#views.get(topic)?.head;
  }
  /** undefined: absent, where the topic is not pending. */
  get(topic: Topic, id: RecordId): Fields | undefined {
    return this.#views.get(topic)?.rows.get(id);
  }
  /** What a commit that rewrites the row must expect: a version may move on where the row stays the same, and no batch tells of it. */
  version(topic: Topic, id: RecordId): Version | undefined {
    return this.#views.get(topic)?.rows.version(id);
  }
  rows(topic: Topic): Iterable<RowChange> {
    return this.#views.get(topic)?.rows.entries() ?? [];
  }

  /**
   * A read barrier: resolves when the topic is followed and this position is applied.
   * @throws {Unavailable} when the topic is dropped or the replica closed; `signal.reason`.
   */
  waitFor(
    topic: Topic,
    position: Position,
    options: { readonly lineage?: Head["lineage"]; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const view = this.#views.get(topic);
    if (view === undefined) return Promise.reject(new Unavailable(`${topic} is not followed`));
    const { lineage, signal } = options;
    const barrier: Barrier = { position, lineage, done: Promise.withResolvers() };
    view.barriers.add(barrier);
    view.settleBarriers();
    const onAbort = (): void => {
      view.barriers.delete(barrier);
      barrier.done.reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    return barrier.done.promise.finally(() => signal?.removeEventListener("abort", onAbort));
  }

  /** Someone looked: what the store no longer has is really gone. Default: in all topics. */
  confirmShrink(topics: Iterable<Topic> = this.topics()): void {
    const changes: RowChange[] = [];
    for (const topic of topics) {
      const view = this.#views.get(topic);
      if (view === undefined) continue;
      changes.push(...view.rows.removeDoubted());
      this.#touched.add(view);
    }
    this.#emit(changes);
  }

  async close(): Promise<void> {
    this.#held.close();
    const closed = new Unavailable("the replica was closed");
    for (const view of this.#views.values()) {
      view.cancelLinger?.();
      for (const { done } of view.barriers) done.reject(closed);
    }
    this.#views.clear();
    await this.#watch.close();
  }

  async #follow(): Promise<void> {
    for await (const event of this.#watch) this.#take(event);
  }

  #take(event: Event): void {
    switch (event.type) {
      case "snapshot":
        this.#takeSnapshot(event.snapshot);
        break;
      case "commits":
        for (const commit of event.batch) this.#takeCommit(commit);
        this.#emit(this.#drain());
        break;
      case "current":
        this.#groups.push(new Set(event.topics));
        this.#settleGroups();
        break;
      case "stale":
        for (const topic of event.topics) {
          for (const group of this.#groups) group.delete(topic);
          const view = this.#views.get(topic);
          if (view !== undefined) this.#suspend(view);
        }
        this.#emit([]);
        break;
      default:
        event satisfies never;
    }
  }

  #takeSnapshot(snapshot: Snapshot): void {
    const view = this.#views.get(snapshot.topic);
    if (view === undefined) return;
    this.counters.snapshots++;
    const loading = { snapshot, rows: undefined };
    this.#suspend(view);
    view.refetching = false;
    this.#held.forget(view);
    view.loading = loading;
    this.#load(view, loading).catch((error: unknown) => this.#failure.reject(error));
  }

  async #load(view: TopicView, loading: NonNullable<TopicView["loading"]>): Promise<void> {
    try {
      const rows = await view.rows.load(loading.snapshot, view.head?.lineage === loading.snapshot.lineage);
      if (view.loading !== loading) return;
      loading.rows = rows;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      // The store went away half-way: the watch brings another one. Until then the topic is not part of any group.
      if (view.loading !== loading) return;
      view.loading = undefined;
      this.#held.forget(view);
      view.refetching = true;
      for (const group of this.#groups) group.delete(view.topic);
    }
    this.#settleGroups();
  }

  #takeCommit(commit: TopicCommit): void {
    const view = this.#views.get(commit.topic);
    if (view === undefined || view.refetching) return;
    const place = view.place(commit);
    switch (place) {
      case "next":
        this.counters.commits++;
        this.#held.add(view, commit);
        break;
      case "known":
        this.counters.duplicates++;
        break;
      case "gap":
        this.#refetch(view);
        break;
      default:
        place satisfies never;
    }
  }

  #refetch(view: TopicView): void {
    this.counters.gaps++;
    this.#report({ type: "gap", topic: view.topic });
    this.#suspend(view);
    view.refetching = true;
    view.loading = undefined;
    this.#held.forget(view);
    for (const group of this.#groups) group.delete(view.topic);
    this.#watch.add([{ topic: view.topic }]);
  }

  #suspend(view: TopicView): void {
    view.live = false;
    this.#touched.add(view);
  }

  /** Topics that became current together go live together. */
  #settleGroups(): void {
    const changes: RowChange[] = [];
    const isLoading = (topic: Topic): boolean => {
      const loading = this.#views.get(topic)?.loading;
      return loading !== undefined && loading.rows === undefined;
    };
    this.#groups = this.#groups.filter((group) => {
      for (const topic of group) if (isLoading(topic)) return true;
      for (const topic of group) {
        const view = this.#views.get(topic);
        if (view !== undefined) changes.push(...this.#goLive(view));
      }
      return false;
    });
    changes.push(...this.#drain());
    this.#emit(changes);
  }

  #goLive(view: TopicView): readonly RowChange[] {
    if (view.refetching) return [];
    const { loading } = view;
    let changes: readonly RowChange[] = [];
    if (loading?.rows !== undefined) {
      const { lineage, position } = loading.snapshot;
      const from = view.head;
      const to: Head = { lineage, position };
      const lineageChanged = from !== undefined && from.lineage !== lineage;
      if (lineageChanged) this.#report({ type: "lineage", topic: view.topic, from, to });
      const missing = view.rows.missingFrom(loading.rows).length;
      const shrink: Shrink = { topic: view.topic, held: view.rows.size, missing, lineageChanged };
      const keep = missing > 0 && !this.#mayShrink(shrink);
      if (keep) {
        this.counters.shrinks++;
        this.#report({ type: "shrink", ...shrink });
      }
      changes = view.rows.applySnapshot(loading.rows, keep);
      view.head = to;
      view.loading = undefined;
    }
    view.live = view.head !== undefined;
    this.#touched.add(view);
    return changes;
  }

  /** Applies what may be applied now. */
  #drain(): readonly RowChange[] {
    const applied = (topic: Topic): Position | undefined => {
      const view = this.#views.get(topic);
      return view?.live === true ? view.head?.position : undefined;
    };
    const changes: RowChange[] = [];
    for (const [view, commits] of this.#held.take(applied)) {
      for (const { commit } of commits) {
        changes.push(...view.rows.applyCommit(commit));
        view.head = { lineage: commit.lineage, position: commit.position };
        this.#applied.set(commit.commit, commit);
      }
      this.#touched.add(view);
    }
    return changes;
  }

  #forget(view: TopicView): void {
    this.#views.delete(view.topic);
    this.#held.forget(view);
    this.#watch.drop([view.topic]);
    for (const group of this.#groups) group.delete(view.topic);
    for (const { done } of view.barriers) done.reject(new Unavailable(`${view.topic} was dropped`));
    const changes = view.rows.removeAll();
    this.#deliver({ changes, topics: [{ topic: view.topic, state: "pending" }], commits: [] });
    this.#settleGroups();
  }

  #emit(changes: readonly RowChange[]): void {
    const topics: ReplicaBatch["topics"][number][] = [];
    for (const view of this.#touched) {
      const { topic, state } = view;
      if (this.#views.get(topic) === view && state !== view.toldState) topics.push({ topic, state });
      view.toldState = state;
    }
    const commits = [...this.#applied.values()];
    this.#applied.clear();
    if (changes.length > 0 || topics.length > 0) this.#deliver({ changes: lastOfEach(changes), topics, commits });
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const view of touched) view.settleBarriers();
  }

  /** A callback that changes the replica gets its own batch after this one. */
  #deliver(batch: ReplicaBatch): void {
    if (this.#emitting !== undefined) {
      this.#emitting.push(batch);
      return;
    }
    this.#emitting = [batch];
    try {
      for (const next of this.#emitting) this.#onBatch(next);
    } catch (error) {
      this.#failure.reject(error);
    } finally {
      this.#emitting = undefined;
    }
  }
}

/** A row that changed more than once in a step counts as it is at its end. */
function lastOfEach(changes: readonly RowChange[]): readonly RowChange[] {
  if (changes.length < 2) return changes;
  const last = new Map<string, RowChange>();
  for (const change of changes) {
    const key = `${change.topic}\n${change.kind}/${change.id}`;
    last.delete(key);
    last.set(key, change);
  }
  return last.size === changes.length ? changes : [...last.values()];
}
