import {
  ASKER_LEASES,
  askerKind,
  ASKERS_TOPIC,
  questionKind,
  questionsTopic,
  recordId,
  ShapeError,
  splitRecordId,
} from "@dragonflow/model";
import {
  type Change,
  LEASE_TOPIC,
  leaseRecordId,
  newCommitId,
  OutcomeUnknown,
  Replica,
  type StoreDriver,
  Unavailable,
} from "@dragonflow/store";
import type { Logger } from "pino";

/** Between two looks at what could not be done the first time: the store was away. */
const RETRY_MS = 1000;

/**
 * Takes away what operators asked who are gone: an asker's record and its questions stand as long as its lease does. Every server does so; that two do
 * it changes nothing.
 */
export class Askers {
  readonly #driver: StoreDriver;
  readonly #log: Logger;
  readonly #replica: Replica;
  #running: Promise<void> | undefined;
  #isWanted = false;
  #isClosed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(driver: StoreDriver, log: Logger) {
    this.#driver = driver;
    this.#log = log;
    this.#replica = new Replica({
      watch: driver.watch(),
      onBatch: () => this.#look(),
      mayShrink: () => true,
    });
    this.#replica.done.catch((error: unknown) => log.error({ err: error }, "who asks is not known any more"));
    this.#replica.add([LEASE_TOPIC, ASKERS_TOPIC]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#replica.close();
    await this.#running;
  }

  #look(): void {
    this.#isWanted = true;
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
  }

  async #work(): Promise<void> {
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      try {
        for (const { id, row } of this.#gone()) await this.#remove(id, chassisOf(row));
      } catch (error) {
        if (this.#isClosed) return;
        const isAway = error instanceof Unavailable || error instanceof OutcomeUnknown;
        if (!isAway) this.#log.error({ err: error }, "what somebody asked who is gone could not be taken away");
        // One that waits already would come besides, and each that fails would bring another.
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#look(), RETRY_MS).unref();
      }
    }
  }

  /** Askers whose lease is not there, as far as this server has heard. */
  #gone() {
    const isKnown = [LEASE_TOPIC, ASKERS_TOPIC].every((topic) => this.#replica.state(topic) === "current");
    if (!isKnown) return [];
    return Array.from(this.#replica.rows(ASKERS_TOPIC)).filter(
      ({ kind, id }) =>
        kind === askerKind.kind && this.#replica.get(LEASE_TOPIC, leaseRecordId(`${ASKER_LEASES}${id}`)) === undefined,
    );
  }

  /** The lease may have been heard of later than what hangs on it: the store knows. */
  async #remove(asker: string, chassis: readonly string[]): Promise<void> {
    const lease = { kind: "absent", topic: LEASE_TOPIC, id: leaseRecordId(`${ASKER_LEASES}${asker}`) } as const;
    for (const name of chassis) {
      const questions = await this.#questionsOf(asker, name);
      if (questions.length > 0 && !(await this.#driver.commit(newCommitId(), questions, [lease])).ok) return;
    }
    const record: Change = { op: "delete", topic: ASKERS_TOPIC, id: recordId(askerKind.kind, asker) };
    await this.#driver.commit(newCommitId(), [record], [lease]);
  }

  async #questionsOf(asker: string, chassis: string): Promise<readonly Change[]> {
    const topic = questionsTopic(chassis);
    const { rows } = await this.#driver.snapshot(topic);
    const changes: Change[] = [];
    for await (const page of rows)
      for (const { id } of page) {
        const question = splitRecordId(id);
        if (question.kind === questionKind.kind && question.id.startsWith(`${asker}.`))
          changes.push({ op: "delete", topic, id });
      }
    return changes;
  }
}

function chassisOf(row: unknown): readonly string[] {
  try {
    return askerKind.parse(row).chassis;
  } catch (error) {
    if (error instanceof ShapeError) return [];
    throw error;
  }
}
