import type { PartitionChange, RowChange } from "@dragonflow/engine";
import {
  answersTopic,
  chassisTopic,
  claimRefusalKind,
  parseTopic,
  questionsTopic,
  statusTopic,
  type Topic,
} from "@dragonflow/model";
import {
  type AppliedCommit,
  type Clock,
  mostlyThere,
  Replica,
  type ReplicaBatch,
  type ReplicaReport,
  type StoreDriver,
} from "@dragonflow/store";
import type { ControllerSettings, Log } from "../settings.ts";
import { ChassisLease } from "./chassis-lease.ts";
import { parseRecord, toRowChange } from "./rows.ts";

export interface NorthboundListener {
  readonly onRows: (rows: readonly RowChange[], topics: readonly PartitionChange[]) => void;
  /** Before the rows that these have changed. */
  readonly onCommits?: (commits: readonly AppliedCommit[]) => void;
  /** What stands in the host's own topic has changed, or is known now. */
  readonly onStatus: () => void;
  /** Likewise what this host is asked, or what stands in the topic of its answers. */
  readonly onQuestions?: () => void;
  /** The store refuses this host, or the replica cannot go on. */
  readonly onFailure: (error: Error) => void;
}

/**
 * The controller's side of the store: what its units read is what it subscribes to, what arrives goes to the compiler, and its lease says that it
 * lives.
 */
export class Northbound {
  readonly #store: StoreDriver;
  readonly #log: Log;
  readonly #listener: NorthboundListener;
  readonly #replica: Replica;
  readonly #lease: ChassisLease;
  /** The host's own topic, which it writes. */
  readonly status: Topic;
  readonly questions: Topic;
  readonly answers: Topic;
  readonly #own: Topic;
  /** Topics that the engine wants. */
  readonly #wanted = new Set<Topic>();
  /** Records that came or went, of all topics but the host's own words. */
  #received = 0;

  constructor(
    store: StoreDriver,
    { chassis }: Pick<ControllerSettings, "chassis">,
    log: Log,
    listener: NorthboundListener,
    clock?: Clock,
  ) {
    this.#store = store;
    this.#log = log;
    this.#listener = listener;
    this.status = statusTopic(chassis);
    this.questions = questionsTopic(chassis);
    this.answers = answersTopic(chassis);
    this.#own = chassisTopic(chassis);
    this.#replica = new Replica({
      watch: store.watch(),
      parse: parseRecord,
      onBatch: (batch) => this.#arrived(batch),
      onReport: (report) => this.#report(report),
      // What is missing from the host's own topics is written again; who asked and is gone, asks no more.
      mayShrink: (shrink) => this.#isSpoken(shrink.topic) || mostlyThere(shrink),
      ...(clock === undefined ? {} : { clock }),
    });
    this.#replica.done.catch((error: unknown) =>
      listener.onFailure(error instanceof Error ? error : new Error(String(error))),
    );
    this.#wanted.add(this.#own);
    this.#replica.add([this.#own, this.status, this.questions, this.answers]);
    this.#lease = new ChassisLease(store, chassis, log);
  }

  /** Only to be read. */
  get replica(): Pick<Replica, "counters" | "head" | "rows" | "state" | "topics"> {
    return this.#replica;
  }
  /** Records that came or went since the start, but for what this host has said itself. */
  get received(): number {
    return this.#received;
  }
  get hasLease(): boolean {
    return this.#lease.isHeld;
  }

  /** What the units want now, and what they do not want any more. */
  follow({ added, dropped }: { readonly added: readonly string[]; readonly dropped: readonly string[] }): void {
    const topics = added.map(parseTopic);
    for (const topic of topics) this.#wanted.add(topic);
    if (topics.length > 0) this.#replica.add(topics);
    for (const topic of dropped.map(parseTopic)) {
      this.#wanted.delete(topic);
      this.#replica.drop(topic);
    }
  }

  /** Everything stays as it is; the lease runs out by itself, unless this host is back before that. */
  async close(): Promise<void> {
    this.#lease.close();
    await this.#replica.close();
    await this.#store.close();
  }

  #arrived({ changes, topics, commits }: ReplicaBatch): void {
    const rows: RowChange[] = [];
    const touched = new Set([...changes, ...topics].map(({ topic }) => topic));
    for (const change of changes) {
      if (this.#isSpoken(change.topic)) continue;
      this.#received++;
      if (change.kind === claimRefusalKind.kind && change.row !== undefined) {
        const fields = { port: change.id, holder: change.row["holder"] };
        this.#log.warn(fields, "the port of an interface on this host is bound to another host");
      }
      const row = toRowChange(change);
      if (row !== undefined) rows.push(row);
    }
    if (rows.length > 0) this.#listener.onCommits?.(commits);
    this.#listener.onRows(
      rows,
      topics.flatMap(({ topic, state }) => this.#partition(topic, state)),
    );
    if (touched.has(this.status)) this.#listener.onStatus();
    if (touched.has(this.questions) || touched.has(this.answers)) this.#listener.onQuestions?.();
  }

  /** What the host says, or is asked: no flow follows from it. */
  #isSpoken(topic: Topic): boolean {
    return topic === this.status || topic === this.questions || topic === this.answers;
  }

  #partition(topic: Topic, state: ReplicaBatch["topics"][number]["state"]): readonly PartitionChange[] {
    // Nothing is removed because the store is away, or came back empty: what is stale stays in force.
    if (this.#isSpoken(topic) || state === "stale") return [];
    // The linger is over; unless somebody wanted it again just now, then it comes anew.
    if (state === "pending") return [{ partition: topic, state: this.#wanted.has(topic) ? "pending" : "dropped" }];
    return [{ partition: topic, state }];
  }

  #report(report: ReplicaReport): void {
    const { type, topic } = report;
    switch (type) {
      case "undecodable": {
        const fields = { topic, id: report.id, error: report.error.message };
        this.#log.error(fields, "a record is not what its kind says, and counts as absent");
        return;
      }
      case "shrink": {
        const fields = { topic, held: report.held, missing: report.missing };
        this.#log.error(fields, "the store came back without most records; nothing is removed until that is confirmed");
        return;
      }
      case "lineage":
        this.#log.warn({ topic }, "the store has another history now; reading again");
        return;
      case "gap":
      case "torn":
        this.#log.info({ topic, what: type }, "an event did not fit");
    }
  }
}
