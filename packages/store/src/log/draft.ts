import type { RecordId, Topic } from "@dragonflow/model";
import type { Change, CommitId, Committed, Expect, Position } from "../contract.ts";
import type { CommitRequest } from "./appender.ts";
import type { Revision } from "./cells.ts";
import { type Entry, type LogHead, positionOf, type Share, versionOf } from "./records.ts";
import type { LogTail } from "./tail.ts";
import type { Topics } from "./topics.ts";

interface Lookup {
  readonly topic: Topic;
  readonly id?: RecordId;
}
interface Outcome {
  readonly request: CommitRequest;
  readonly result: Committed;
}

/** A record after the commits of the draft: the sequence of its last put, or that it is not there. */
type State = number | "absent";

/**
 * Commits judged one after the other against the log as it is known at this moment, each seeing those before it; and the entries that they would
 * add. Made within one turn of the event loop. Where something is {@link unknown} the rest means nothing: load it, and draft anew.
 */
export class Draft {
  readonly head: LogHead;
  readonly revision: Revision;
  readonly entries: Entry[] = [];
  readonly unknown: Lookup[] = [];
  readonly #tail: LogTail;
  readonly #topics: Topics;
  readonly #outcomes: Outcome[] = [];
  readonly #done = new Map<CommitId, { readonly sequence: number; readonly topics: readonly Topic[] }>();
  readonly #written = new Map<Topic, { last: number; readonly rows: Map<RecordId, State> }>();

  constructor(tail: LogTail, topics: Topics, requests: readonly CommitRequest[]) {
    this.head = tail.head;
    this.revision = tail.revision;
    this.#tail = tail;
    this.#topics = topics;
    for (const request of requests) this.#outcomes.push({ request, result: this.#judge(request) });
  }

  answer(): void {
    for (const { request, result } of this.#outcomes) request.answer.resolve(result);
  }

  #judge({ id, changes, expect }: CommitRequest): Committed {
    const done = this.#done.get(id) ?? this.#tail.find(id);
    if (done !== undefined) return this.#success(done, true);
    const failed = expect.filter((each) => !this.#holds(each));
    if (failed.length > 0) return { ok: false, failed };
    if (changes.length === 0) return this.#success({ sequence: 0, topics: [] }, false);
    const sequence = this.head.at + this.entries.length + 1;
    const shares = this.#write(sequence, changes);
    this.entries.push({ sequence, commit: id, shares });
    const written = { sequence, topics: shares.map((share) => share.topic) };
    this.#done.set(id, written);
    return this.#success(written, false);
  }

  #success(done: { readonly sequence: number; readonly topics: readonly Topic[] }, replayed: boolean): Committed {
    const positions = new Map<Topic, Position>(done.topics.map((topic) => [topic, positionOf(done.sequence)]));
    return { ok: true, lineage: this.head.lineage, positions, replayed };
  }

  #write(sequence: number, changes: readonly Change[]): readonly Share[] {
    const shares = new Map<
      Topic,
      { topic: Topic; prev: number; puts: { id: RecordId; value: Uint8Array }[]; deletes: RecordId[] }
    >();
    for (const change of changes) {
      const { topic, id } = change;
      let share = shares.get(topic);
      if (share === undefined) shares.set(topic, (share = { topic, prev: this.#last(topic), puts: [], deletes: [] }));
      let written = this.#written.get(topic);
      if (written === undefined) this.#written.set(topic, (written = { last: sequence, rows: new Map() }));
      written.last = sequence;
      if (change.op === "put") share.puts.push({ id, value: change.value });
      else share.deletes.push(id);
      written.rows.set(id, change.op === "put" ? sequence : "absent");
    }
    return [...shares.values()];
  }

  #last(topic: Topic): number {
    const last = this.#written.get(topic)?.last ?? this.#topics.position(topic);
    if (last !== "unknown") return last;
    this.unknown.push({ topic });
    return 0;
  }

  #holds(expect: Expect): boolean {
    const { topic } = expect;
    if (expect.kind === "topic-unchanged") return positionOf(this.#last(topic)) === expect.since;
    const version = this.#versionOf(topic, expect.id);
    switch (expect.kind) {
      case "absent":
        return version === undefined;
      case "present":
        return version !== undefined;
      case "version":
        return version === expect.version;
      default:
        return expect satisfies never;
    }
  }

  #versionOf(topic: Topic, id: RecordId) {
    const state = this.#written.get(topic)?.rows.get(id);
    if (state !== undefined) return state === "absent" ? undefined : versionOf(state);
    const row = this.#topics.find(topic, id);
    if (row === "unknown") this.unknown.push({ topic, id });
    return row === "unknown" || row === "absent" ? undefined : row.version;
  }
}
