import type { RecordId, Topic } from "@dragonflow/model";
import { comparePositions, type Head, type Position, type Snapshot, type TopicCommit } from "../contract.ts";
import type { HeldCommit } from "./consistent-cut.ts";
import type { Decoded, TopicRows } from "./topic-rows.ts";

/** `pending`: not loaded yet, nothing is known. `stale`: what is known may be old. */
export type TopicState = "pending" | "stale" | "current";

/** A snapshot on its way; `rows` once all its pages are here. */
export interface Loading {
  readonly snapshot: Snapshot;
  rows: ReadonlyMap<RecordId, Decoded> | undefined;
}
export interface Barrier {
  readonly position: Position;
  readonly lineage: Head["lineage"] | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/** What a replica knows of one topic: where it is, what waits, and who waits for it. */
export class TopicView {
  readonly topic: Topic;
  readonly rows: TopicRows;
  /** Applied. */
  head: Head | undefined;
  /** Commits are applied as they come; else they are gathered until the watch says `current`. */
  live = false;
  loading: Loading | undefined;
  queue: HeldCommit[] = [];
  /** A gap was found: nothing counts until the snapshot that was asked for. */
  refetching = false;
  barriers = new Set<Barrier>();
  /** It is no longer wanted; cancels its end. */
  cancelLinger: (() => void) | undefined;
  toldState: TopicState = "pending";

  constructor(topic: Topic, rows: TopicRows) {
    this.topic = topic;
    this.rows = rows;
  }

  get state(): TopicState {
    if (this.head === undefined) return "pending";
    return this.live && this.rows.doubted === 0 ? "current" : "stale";
  }

  /** Where the chain of what has arrived ends. */
  get tail(): Head | undefined {
    return this.queue.at(-1)?.commit ?? this.loading?.snapshot ?? this.head;
  }

  /** What a commit that has arrived is to us. */
  place(commit: TopicCommit): "next" | "known" | "gap" {
    const { tail } = this;
    if (tail === undefined || tail.lineage !== commit.lineage) return "gap";
    if (commit.prev === tail.position) return "next";
    return comparePositions(commit.position, tail.position) <= 0 ? "known" : "gap";
  }

  /** Settles those who waited for a position that is applied now. */
  settleBarriers(): void {
    const { head } = this;
    if (head === undefined || !this.live) return;
    for (const barrier of this.barriers) {
      if (barrier.lineage !== undefined && barrier.lineage !== head.lineage) continue;
      if (comparePositions(head.position, barrier.position) < 0) continue;
      this.barriers.delete(barrier);
      barrier.done.resolve();
    }
  }
}
