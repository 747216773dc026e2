import type { Change, CommitId, Committed, Expect } from "../contract.ts";
import { OutcomeUnknown, Unavailable } from "../errors.ts";
import { removeBody, writeBody } from "./bodies.ts";
import type { Cells } from "./cells.ts";
import { Draft } from "./draft.ts";
import type { LogFollower } from "./follower.ts";
import { batchKey, HEAD } from "./keys.ts";
import type { Patience } from "./patience.ts";
import { type Batch, encodeBatch, encodeHead, type LogHead } from "./records.ts";
import type { Topics } from "./topics.ts";

/** Commits of one process that share a batch, and so a write of the head. */
const COMMITS_AT_ONCE = 256;
const BYTES_AT_ONCE = 4 * 1024 * 1024;

export interface CommitRequest {
  readonly id: CommitId;
  readonly changes: readonly Change[];
  readonly expect: readonly Expect[];
  readonly signal: AbortSignal | undefined;
  readonly answer: PromiseWithResolvers<Committed>;
}

interface Parts {
  readonly cells: Cells;
  readonly patience: () => Patience;
  readonly follower: LogFollower;
  readonly topics: Topics;
}

const bytesOf = (changes: readonly Change[]): number =>
  changes.reduce((sum, change) => sum + (change.op === "put" ? change.value.length : 0), 0);

/**
 * The only place where this process writes the head. A batch of commits is judged against the state that the head names, written under a key of its
 * own, and happens when the head is set to it from just that revision: by whoever is first. Who was not judges anew.
 *
 * A writer that dies before the head is set has done nothing; one that dies after it has done all.
 */
export class Appender {
  readonly #parts: Parts;
  #queue: CommitRequest[] = [];
  #floor = 0;
  #floorRaised = Promise.withResolvers<void>();
  #running = false;
  #idle = Promise.withResolvers<void>();
  #closed: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#idle.resolve();
  }

  commit(
    id: CommitId,
    changes: readonly Change[],
    expect: readonly Expect[],
    signal?: AbortSignal,
  ): Promise<Committed> {
    if (this.#closed !== undefined) return Promise.reject(new Unavailable(this.#closed));
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const answer = Promise.withResolvers<Committed>();
    this.#queue.push({ id, changes, expect, signal, answer });
    this.#start();
    return answer.promise;
  }

  /** Says in the head that all commits up to there are in the cells of their topics. */
  raiseFloor(floor: number): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(new Unavailable(this.#closed));
    this.#floor = Math.max(this.#floor, floor);
    const { promise } = this.#floorRaised;
    this.#start();
    return promise;
  }

  async close(reason: string): Promise<void> {
    this.#closed ??= reason;
    await this.#idle.promise;
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#idle = Promise.withResolvers();
    // After the poll phase: what all sockets brought in this turn goes into one batch.
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 || this.#floor > 0) {
      const requests = this.#take();
      const floor = this.#floor;
      this.#floor = 0;
      const raised = this.#floorRaised;
      if (floor > 0) this.#floorRaised = Promise.withResolvers();
      if (requests.length === 0 && floor === 0) continue;
      const patience = this.#parts.patience();
      try {
        await this.#turn(requests, floor, patience);
        if (floor > 0) raised.resolve();
      } catch (error) {
        const failure = patience.unknown ? new OutcomeUnknown("the database did not answer", { cause: error }) : error;
        for (const { answer } of requests) answer.reject(failure);
        if (floor > 0) raised.reject(failure);
      }
      this.#parts.topics.trim();
    }
    this.#running = false;
    this.#idle.resolve();
  }

  #take(): readonly CommitRequest[] {
    let bytes = 0;
    let count = 0;
    for (const { changes } of this.#queue) {
      bytes += bytesOf(changes);
      if (count > 0 && (count === COMMITS_AT_ONCE || bytes > BYTES_AT_ONCE)) break;
      count++;
    }
    return this.#queue.splice(0, count).filter(({ signal, answer }) => {
      if (signal?.aborted === true) answer.reject(signal.reason);
      else if (this.#closed !== undefined) answer.reject(new Unavailable(this.#closed));
      else return true;
      return false;
    });
  }

  async #turn(requests: readonly CommitRequest[], floor: number, patience: Patience): Promise<void> {
    const { follower } = this.#parts;
    for (;;) {
      const draft = await patience.until(() => this.#draft(requests));
      const { head, revision } = draft;
      const mustRaise = floor > head.floor && floor <= head.at;
      if (draft.entries.length > 0 || mustRaise) {
        if (!(await this.#append(draft, mustRaise ? floor : head.floor, patience))) continue;
      } else {
        // Nothing to write; but what was judged must have been so after these commits were asked for.
        await patience.until(() => follower.sync());
        if (follower.tail.revision !== revision) continue;
      }
      draft.answer();
      return;
    }
  }

  async #draft(requests: readonly CommitRequest[]): Promise<Draft> {
    const { topics, follower } = this.#parts;
    for (;;) {
      const draft = new Draft(follower.tail, topics, requests);
      if (draft.unknown.length === 0) return draft;
      await Promise.all(draft.unknown.map(({ topic, id }) => topics.load(topic, id)));
    }
  }

  /** @returns whether the draft has become part of the log; else another batch was first. */
  async #append(draft: Draft, floor: number, patience: Patience): Promise<boolean> {
    const { cells, follower } = this.#parts;
    const { tail } = follower;
    const { revision, entries } = draft;
    const [first] = entries;
    const batch: Batch | undefined =
      first === undefined ? undefined : { key: batchKey(first.sequence), previous: draft.head.newest, entries };
    const body = batch === undefined ? undefined : encodeBatch(batch);
    if (batch !== undefined && body !== undefined) await writeBody(cells, batch.key, body, patience);
    const head: LogHead = {
      ...draft.head,
      floor,
      newest: batch?.key ?? draft.head.newest,
      at: entries.at(-1)?.sequence ?? draft.head.at,
    };
    for (;;) {
      try {
        const written = await cells.write(HEAD, encodeHead(head), revision);
        if (written !== "moved") {
          follower.wrote(head, written, batch);
          return true;
        }
      } catch (error) {
        await patience.pause(error);
      }
      await patience.until(() => follower.sync());
      if (batch === undefined ? tail.head.floor >= floor : tail.includes(batch.key)) return true;
      if (tail.revision !== revision) {
        // The head is never again at that revision: whatever is still under way comes to nothing.
        patience.unknown = false;
        if (batch !== undefined && body !== undefined) this.#discard(batch.key, body.length);
        return false;
      }
      // The head is where it was. What was sent may still arrive; the same again cannot happen twice.
    }
  }

  #discard(key: string, length: number): void {
    removeBody(this.#parts.cells, key, length).catch((error: unknown) => {
      // It is of no chain, and goes when the log before it goes.
      if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) throw error;
    });
  }
}
