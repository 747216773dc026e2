import {
  ASKER_LEASES,
  askerKind,
  answerKind,
  answersTopic,
  encodeFields,
  type NbRecord,
  questionKind,
  record,
  ShapeError,
  splitRecordId,
  type Topic,
} from "@dragonflow/model";
import {
  type Change,
  type Expect,
  type Lease,
  LEASE_TOPIC,
  leaseRecordId,
  newCommitId,
  Replica,
  type StoreDriver,
  StoreError,
} from "@dragonflow/store";
import { CliError } from "../errors.ts";

/** How long a controller may say nothing while it is asked something. */
export const PATIENCE_MS = 5000;
/** How long questions outlive a process that was killed. */
const LEASE_SECONDS = 15;
const CHASSIS_LEASE = "chassis/";

/** What a controller answered; `status` as of HTTP. */
export interface StoreAnswer {
  readonly status: number;
  readonly body: string;
}
interface Waiting {
  readonly chassis: string;
  readonly done: PromiseWithResolvers<StoreAnswer>;
  timer: NodeJS.Timeout | undefined;
}

const put = ({ topic, id, fields }: NbRecord): Change => ({ op: "put", topic, id, value: encodeFields(fields) });
const remove = ({ topic, id }: NbRecord): Change => ({ op: "delete", topic, id });

/** Asks controllers through the store. What it asked goes with it: when it is disposed of, and with its lease if it dies. */
export class StoreAsker implements AsyncDisposable {
  readonly #driver: StoreDriver;
  readonly #id = crypto.randomUUID();
  readonly #replica: Replica;
  readonly #waiting = new Map<string, Waiting>();
  readonly #asked = new Set<string>();
  readonly #removals: Promise<unknown>[] = [];
  #alive: ReadonlySet<string>;
  #lease: Promise<Lease> | undefined;
  #announced: Promise<void> | undefined;
  #number = 0;

  static async open(driver: StoreDriver): Promise<StoreAsker> {
    return new StoreAsker(driver, await readAlive(driver));
  }
  private constructor(driver: StoreDriver, alive: ReadonlySet<string>) {
    this.#driver = driver;
    this.#alive = alive;
    this.#replica = new Replica({
      watch: driver.watch(),
      onBatch: ({ changes }) => this.#arrived(changes.map(({ topic }) => topic)),
      mayShrink: () => true,
    });
    this.#replica.done.catch((error: unknown) => {
      for (const { done } of this.#waiting.values()) done.reject(error);
    });
  }

  /** Chassis whose controllers hold their leases. */
  get alive(): ReadonlySet<string> {
    return this.#alive;
  }
  async lookWhoLives(): Promise<void> {
    this.#alive = await readAlive(this.#driver);
  }

  /** @throws {CliError} it is not alive, or does not answer in time. @throws {StoreError} */
  async ask(chassis: string, path: string): Promise<StoreAnswer> {
    if (!this.#alive.has(chassis))
      throw new CliError(`the controller of ${chassis} is not alive: it does not hold its lease in the store`);
    await this.announce([chassis]);
    const id = `${this.#id}.${this.#number++}`;
    const question = record(questionKind, { id, chassis, path });
    const waiting: Waiting = { chassis, done: Promise.withResolvers(), timer: undefined };
    // It may be answered, or given up, before anybody waits for it.
    waiting.done.promise.catch(() => undefined);
    this.#waiting.set(id, waiting);
    try {
      await this.#commit([put(question)]);
      this.#wait(waiting);
      return await waiting.done.promise;
    } finally {
      clearTimeout(waiting.timer);
      this.#waiting.delete(id);
      this.#remove(remove(question));
    }
  }

  /** Says whom it asks, before it does: once for all who are named in one turn. Those who are not alive are not asked. */
  async announce(chassis: readonly string[]): Promise<void> {
    const fresh = chassis.filter((name) => this.#alive.has(name) && !this.#asked.has(name));
    if (fresh.length > 0) {
      for (const name of fresh) this.#asked.add(name);
      this.#replica.add(fresh.map(answersTopic));
      const before = this.#announced;
      const asked = this.#asked.size;
      this.#announced = (async () => {
        // Who waited for it was told.
        await before?.catch(() => undefined);
        await new Promise(setImmediate);
        // Who came later in this turn says it for all.
        if (this.#asked.size !== asked) return;
        try {
          await this.#commit([put(this.#self())]);
        } catch (error) {
          // Said anew when they are asked again.
          this.#asked.clear();
          throw error;
        }
      })();
    }
    for (let last: Promise<void> | undefined; last !== this.#announced; ) {
      last = this.#announced;
      await last;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#removals);
    await this.#replica.close();
    try {
      const lease = await this.#lease;
      if (lease === undefined || lease.lost.aborted) return;
      await this.#commit([remove(this.#self())]);
      await lease[Symbol.asyncDispose]();
    } catch (error) {
      // The store has gone, or never gave the lease: what was asked goes with it.
      if (!(error instanceof StoreError || error instanceof CliError)) throw error;
    }
  }

  #self(): NbRecord {
    return record(askerKind, { id: this.#id, chassis: [...this.#asked] });
  }

  /** Refused once the lease is lost: nobody would take it away. */
  async #commit(changes: readonly Change[]): Promise<void> {
    const lease = await (this.#lease ??= this.#driver.lease(`${ASKER_LEASES}${this.#id}`, {
      ttlSeconds: LEASE_SECONDS,
    }));
    const fence: Expect = {
      kind: "version",
      topic: LEASE_TOPIC,
      id: leaseRecordId(lease.name),
      version: lease.fence,
    };
    const { ok } = await this.#driver.commit(newCommitId(), changes, [fence]);
    if (!ok) throw new CliError("the store was not reached for too long: what was asked is void");
  }

  #remove(change: Change): void {
    const removal = this.#commit([change]);
    // It goes with the lease otherwise.
    removal.catch(() => undefined);
    this.#removals.push(removal);
  }

  #wait(waiting: Waiting): void {
    const { chassis, done } = waiting;
    clearTimeout(waiting.timer);
    const why = `the controller of ${chassis} does not answer: nothing within ${PATIENCE_MS / 1000} s`;
    waiting.timer = setTimeout(() => done.reject(new CliError(why)), PATIENCE_MS);
  }

  #arrived(topics: readonly Topic[]): void {
    const chassis = new Set<string>(topics);
    for (const [id, waiting] of this.#waiting) {
      const topic = answersTopic(waiting.chassis);
      if (!chassis.has(topic)) continue;
      try {
        const answer = this.#answerTo(id, topic);
        if (answer !== undefined) waiting.done.resolve(answer);
        // It answers one after the other: this one may be next.
        else if (waiting.timer !== undefined) this.#wait(waiting);
      } catch (error) {
        if (!(error instanceof ShapeError)) throw error;
        const why = `the controller of ${waiting.chassis} answered what nobody expects: ${error.message}`;
        waiting.done.reject(new CliError(why));
      }
    }
  }

  #answerTo(question: string, topic: Topic): StoreAnswer | undefined {
    const parts = Array.from(this.#replica.rows(topic)).flatMap(({ kind, id, row }) =>
      kind === answerKind.kind && id.startsWith(`${question}.`) ? [answerKind.parse({ ...row, id })] : [],
    );
    const [first] = parts;
    if (first === undefined || parts.length < first.parts) return undefined;
    const body = parts.sort((a, b) => a.part - b.part).map((part) => part.body);
    return { status: first.status, body: body.join("") };
  }
}

async function readAlive(driver: StoreDriver): Promise<ReadonlySet<string>> {
  const alive = new Set<string>();
  const { rows } = await driver.snapshot(LEASE_TOPIC);
  for await (const page of rows)
    for (const { id } of page) {
      const { kind, id: name } = splitRecordId(id);
      if (kind === "lease" && name.startsWith(CHASSIS_LEASE)) alive.add(name.slice(CHASSIS_LEASE.length));
    }
  return alive;
}
