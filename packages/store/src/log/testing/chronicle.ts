import assert from "node:assert/strict";
import type { RecordId, Topic } from "@dragonflow/model";
import type { Clock } from "../../clock.ts";
import { type CommitId, comparePositions, type Head, type StoreDriver, type Watch } from "../../contract.ts";
import { Unavailable } from "../../errors.ts";

/** Time that passes fifty times as fast. */
const SPEED = 50;
export const quickClock: Clock = {
  now: () => performance.now() * SPEED,
  after(milliseconds, action, keepsAlive = false) {
    const timer = setTimeout(action, milliseconds / SPEED);
    if (!keepsAlive) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Longer than a test takes: what it waits for comes, or the test is over. */
export const PATIENT = { patienceSeconds: 30 * SPEED, deadlineSeconds: 500 };

/** Reads until nothing is replaced meanwhile. */
export async function readAgain<T>(read: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  }
}

/** Follows some topics for as long as a test runs, over whatever happens, and remembers which commits it was told of. */
export class Chronicle {
  readonly #watch: Watch;
  readonly #rows = new Map<Topic, Map<RecordId, string>>();
  readonly #heads = new Map<Topic, Head>();
  readonly #told = new Set<string>();
  readonly done: Promise<void>;
  #look: () => void = () => undefined;

  constructor(driver: StoreDriver, topics: readonly Topic[]) {
    this.#watch = driver.watch();
    this.#watch.add(topics.map((topic) => ({ topic })));
    this.done = this.#follow();
  }

  rows(topic: Topic): ReadonlyMap<RecordId, string> {
    return this.#rows.get(topic) ?? new Map();
  }

  async untilAt(topic: Topic, { position }: Head): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      const at = this.#heads.get(topic)?.position;
      if (at !== undefined && comparePositions(at, position) >= 0) resolve();
    };
    this.#look = look;
    look();
    await promise;
  }

  async close(): Promise<void> {
    await this.#watch.close();
    await this.done;
  }

  async #follow(): Promise<void> {
    for await (const event of this.#watch) {
      if (event.type === "snapshot") {
        const { topic, lineage, position, rows } = event.snapshot;
        const loaded = new Map<RecordId, string>();
        try {
          for await (const page of rows) for (const row of page) loaded.set(row.id, Buffer.from(row.value).toString());
        } catch (error) {
          if (error instanceof Unavailable) continue;
          throw error;
        }
        this.#rows.set(topic, loaded);
        this.#heads.set(topic, { lineage, position });
      } else if (event.type === "commits")
        for (const commit of event.batch) {
          const { topic, lineage, position, prev } = commit;
          const head = this.#heads.get(topic);
          // After rows that could not be read another snapshot is on its way.
          if (head === undefined) continue;
          assert.deepEqual({ lineage, position: prev }, head, "a chain broke");
          this.#once(commit.commit, topic);
          const own = this.#rows.get(topic);
          for (const { id } of commit.deletes) own?.delete(id);
          for (const row of commit.puts) own?.set(row.id, Buffer.from(row.value).toString());
          this.#heads.set(topic, { lineage, position });
        }
      this.#look();
    }
  }

  #once(commit: CommitId, topic: Topic): void {
    const name = `${commit} ${topic}`;
    assert.ok(!this.#told.has(name), "a commit came twice");
    this.#told.add(name);
  }
}
