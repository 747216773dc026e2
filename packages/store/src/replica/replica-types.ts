import type { RecordId, ShapeError, Topic } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import type { CommitId, Head, TopicCommit, Watch } from "../contract.ts";
import type { ParseKind, RowChange } from "./topic-rows.ts";
import type { TopicState } from "./topic-view.ts";

/** One step from one consistent state to the next. A row is named once. */
export interface ReplicaBatch {
  readonly changes: readonly RowChange[];
  /** Topics whose state changed with it. */
  readonly topics: readonly { readonly topic: Topic; readonly state: TopicState }[];
  /** The commits that are applied with it, each once, though it may touch several topics. None of those that a snapshot held. */
  readonly commits: readonly AppliedCommit[];
}
export type AppliedCommit = Pick<TopicCommit, "commit" | "committedAtMs">;
/** A store came back without many of the records that were held: they stay until someone confirms. */
export interface Shrink {
  readonly topic: Topic;
  readonly held: number;
  readonly missing: number;
  readonly lineageChanged: boolean;
}
export type ReplicaReport =
  | { readonly type: "undecodable"; readonly topic: Topic; readonly id: RecordId; readonly error: ShapeError }
  | { readonly type: "gap"; readonly topic: Topic }
  | { readonly type: "torn"; readonly topic: Topic; readonly commit: CommitId }
  | { readonly type: "lineage"; readonly topic: Topic; readonly from: Head; readonly to: Head }
  | ({ readonly type: "shrink" } & Shrink);

/** How often, since the beginning. */
export interface ReplicaCounters {
  commits: number;
  snapshots: number;
  gaps: number;
  duplicates: number;
  undecodable: number;
  /** Commits that had to wait for another topic. */
  held: number;
  /** Of these, applied without it after the time was up. */
  torn: number;
  shrinks: number;
}

export interface ReplicaOptions {
  /** The replica's own: it adds, drops and closes. */
  readonly watch: Watch;
  /** Synchronous, in order. */
  readonly onBatch: (batch: ReplicaBatch) => void;
  readonly onReport?: (report: ReplicaReport) => void;
  /** Checks fields beyond "a JSON object". Default: takes them as they are. */
  readonly parse?: ParseKind;
  readonly clock?: Clock;
  /** How long a commit waits for its other topics. Default 100. */
  readonly holdMilliseconds?: number;
  /** How long a dropped topic is followed on, should it be wanted again. Default 30. */
  readonly lingerSeconds?: number;
  /**
   * May these rows go at once? Default: yes, but where the lineage changed and more than half of what was held is missing.
   */
  readonly mayShrink?: (shrink: Shrink) => boolean;
}

/** The default of {@link ReplicaOptions.mayShrink}. */
export const mostlyThere = ({ held, missing, lineageChanged }: Shrink): boolean =>
  !lineageChanged || missing * 2 <= held;
