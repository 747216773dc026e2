/**
 * Writers of several processes on one database, whose requests get lost, are repeated, come late, take their time, and who die at any moment. Random, with
 * the seed printed: DRAGONFLOW_SEED=n runs one again.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { networkTopic, type Topic } from "@dragonflow/model";
import { commitWithRetry } from "../commit-retry.ts";
import { contents, port, put, remove, within } from "../conformance/harness.ts";
import { type Change, type CommitId, newCommitId, type Row, type StoreDriver } from "../contract.ts";
import { type LogStoreOptions, openLogStore } from "./index.ts";
import { Chronicle, PATIENT, quickClock, readAgain } from "./testing/chronicle.ts";
import { type Fault, SimulatedDatabase } from "./testing/simulated-cells.ts";

const full = process.env["DRAGONFLOW_FULL"] === "1";
const given = process.env["DRAGONFLOW_SEED"];
const seeds =
  given === undefined
    ? Array.from({ length: full ? 400 : 6 }, () => Math.floor(Math.random() * 2 ** 31))
    : [Number(given)];
const WRITERS = 4;
const STEPS = full ? 60 : 20;
const TOPICS: readonly Topic[] = ["a", "b", "c"].map((name) => networkTopic(name));
const OPTIONS: LogStoreOptions = {
  clock: quickClock,
  checkpoint: { commits: 4, graceSeconds: 3 },
  tail: { commits: 6 },
  compareSeconds: 5,
  patienceSeconds: PATIENT.patienceSeconds,
};

/** mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FAULTS: readonly Fault[] = ["refused", "lost", "unanswered", "repeated", "late", "just-before"];

class Run {
  readonly #random: () => number;
  readonly #database = new SimulatedDatabase();
  readonly #counts = new Map<Topic, number>();
  readonly #added = new Set<string>();
  #isCalm = false;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  async play(): Promise<void> {
    const witness = await this.#open();
    const chronicle = new Chronicle(witness, TOPICS);
    await Promise.all(Array.from({ length: WRITERS }, (_, number) => this.#write(number)));
    this.#isCalm = true;
    const fresh = await this.#open();
    for (const topic of TOPICS) {
      const found = await readAgain(() => contents(fresh, topic));
      assert.equal(
        Number(found.get(port("counter")) ?? 0),
        this.#counts.get(topic) ?? 0,
        "every increment counts once",
      );
      for (const name of this.#added)
        if (name.startsWith(`${topic} `)) assert.ok(found.has(name.split(" ")[1] ?? ""), name);
      await chronicle.untilAt(topic, await fresh.head(topic));
      assert.deepEqual(new Map(chronicle.rows(topic)), found, "the witness saw all of it");
      for (const driver of [witness, fresh])
        for (const [id, value] of found) {
          const row = await driver.get(topic, port(id.slice("port/".length)));
          assert.equal(row === undefined ? "absent" : Buffer.from(row.value).toString(), value);
        }
    }
    await chronicle.close();
    await witness.close();
    await fresh.close();
  }

  async #open(onDeath: () => void = () => undefined, canDie = false): Promise<StoreDriver> {
    const fault = (): Fault => {
      if (this.#isCalm) return "none";
      const dice = this.#random();
      if (canDie && dice < 0.01) return dice < 0.005 ? "dies-before" : "dies-after";
      return dice < 0.08 ? (FAULTS[Math.floor(this.#random() * FAULTS.length)] ?? "none") : "none";
    };
    const delay = (): number => Math.floor(this.#random() * 4);
    return openLogStore(this.#database.connect(fault, delay, onDeath), OPTIONS);
  }

  /** One writer after another: where one dies, the next settles what it was about to do. */
  async #write(number: number): Promise<void> {
    let doubt:
      | {
          readonly id: CommitId;
          readonly topic: Topic;
          readonly changes: readonly Change[];
          readonly row: Row | undefined;
        }
      | undefined;
    for (let step = 0; step < STEPS; ) {
      const death = Promise.withResolvers<"dead">();
      const life = async (): Promise<"done"> => {
        const driver = await this.#open(() => death.resolve("dead"), true);
        const chronicle = new Chronicle(driver, TOPICS);
        while (step < STEPS) {
          doubt ??= await this.#plan(driver, `${number}-${step}`);
          const { id, topic, changes, row } = doubt;
          const counter = { topic, id: port("counter") };
          const result = await commitWithRetry(
            driver,
            changes,
            [
              row === undefined
                ? { kind: "absent", ...counter }
                : { kind: "version", ...counter, version: row.version },
            ],
            { ...PATIENT, id, clock: quickClock },
          );
          if (result.ok) this.#acknowledged(topic, changes);
          doubt = undefined;
          step++;
        }
        await chronicle.close();
        await driver.close();
        return "done";
      };
      await Promise.race([life(), death.promise]);
    }
  }

  async #plan(driver: StoreDriver, name: string) {
    const topic = TOPICS[Math.floor(this.#random() * TOPICS.length)] ?? networkTopic("a");
    const other = TOPICS.find((each) => each !== topic && this.#random() < 0.5);
    const row = await readAgain(() => driver.get(topic, port("counter")));
    const next = String(Number(row === undefined ? 0 : Buffer.from(row.value).toString()) + 1);
    const changes = [put(topic, port("counter"), next), put(topic, port(name), next)];
    if (other !== undefined) changes.push(put(other, port(`other-${name}`), next));
    if (this.#random() < 0.3) changes.push(remove(topic, port(`never-${name}`)));
    return { id: newCommitId(), topic, changes, row };
  }

  #acknowledged(topic: Topic, changes: readonly Change[]): void {
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1);
    for (const change of changes) if (change.op === "put") this.#added.add(`${change.topic} ${change.id}`);
  }
}

test("random faults, many writers", async (t) => {
  t.diagnostic(`seeds: ${seeds.join(" ")}`);
  const left = [...seeds];
  const player = async (): Promise<void> => {
    for (let seed = left.pop(); seed !== undefined; seed = left.pop()) {
      const own = seed;
      await within(`seed ${own}`, new Run(own).play(), 120_000).catch((cause: unknown) => {
        throw new Error(`seed ${own}`, { cause });
      });
    }
  };
  await Promise.all(Array.from({ length: 8 }, player));
});
