import type { Clock } from "../clock.ts";
import { lineage } from "../contract.ts";
import { StoreCorrupt, Unavailable } from "../errors.ts";
import { readBody } from "./bodies.ts";
import type { Cells, Revision } from "./cells.ts";
import { firstOf, HEAD, isPart, LOG_PREFIX } from "./keys.ts";
import { type Batch, decodeBatch, decodeHead, encodeHead, type LogHead } from "./records.ts";
import { type Forgotten, LogTail, type TailLimits } from "./tail.ts";

const KEYS_PAGE = 1000;
const READS_AT_ONCE = 16;
/** How often a log that others move on meanwhile is looked at again before it counts as broken. */
const ATTEMPTS = 20;
/** Sequences of a new lineage begin beyond all that any lost one can have reached. */
const SEQUENCES_PER_MILLISECOND = 1024;

export interface FollowerOptions {
  readonly cells: Cells;
  readonly clock: Clock;
  readonly limits: TailLimits;
  readonly onBatches: (batches: readonly Batch[]) => void;
  /** What was known counts no more: everybody who follows reads anew. */
  readonly onReplaced: () => void;
  readonly onForgotten: Forgotten;
  readonly onNewLineage: (reason: string) => void;
}

interface Found {
  readonly head: LogHead;
  readonly revision: Revision;
}
/** What lies between what is known and a head: the missing batches, or that the chain does not lead there. */
type Way = readonly Batch[] | "gone" | "forked" | "moved";

/** Keeps a {@link LogTail} up to date with the database. */
export class LogFollower {
  readonly tail: LogTail;
  readonly #options: FollowerOptions;
  readonly #cells: Cells;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(options: FollowerOptions, start: Found) {
    this.#options = options;
    this.#cells = options.cells;
    this.tail = new LogTail(options.clock, options.limits, start, options.onForgotten);
  }

  /** Finds the log, or begins one. @throws {Unavailable} | {@link OutcomeUnknown} | {@link StoreCorrupt} */
  static async open(options: FollowerOptions): Promise<LogFollower> {
    const { cells } = options;
    for (;;) {
      const found = await readHead(cells);
      if (found !== undefined) {
        const follower = new LogFollower(options, found);
        if (await follower.#load(found)) return follower;
      } else await beginLineage(cells, undefined, 0);
    }
  }

  /** Knows, when it resolves, at least what was in the log when it was called: a read barrier. */
  sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#pull().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    // What is being read was asked for earlier: it may be older than this call.
    const start = (): Promise<void> => {
      this.#next = undefined;
      return this.sync();
    };
    this.#next ??= this.#running.then(start, start);
    return this.#next;
  }

  /** The head was written by this process, with this batch or with none. */
  wrote(head: LogHead, revision: Revision, batch: Batch | undefined): void {
    const before = this.tail.head;
    const isNext = batch === undefined ? before.newest === head.newest : before.newest === batch.previous;
    // Else a read has brought it already, and maybe more.
    if (!isNext || before.lineage !== head.lineage || before.floor > head.floor) return;
    this.#accept({ head, revision }, batch === undefined ? [] : [batch]);
  }

  #accept({ head, revision }: Found, batches: readonly Batch[]): void {
    this.tail.advance(head, revision, batches);
    if (batches.length > 0) this.#options.onBatches(batches);
  }

  async #pull(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { revision } = this.tail;
      const found = await readHead(this.#cells);
      if (found?.revision === this.tail.revision) return;
      // This process wrote the head while it was being read: what was read may be older.
      if (this.tail.revision !== revision) continue;
      if (await this.#goTo(found)) return;
    }
    throw new Unavailable("the log moves on faster than it can be read");
  }

  /** @returns false: look again. */
  async #goTo(found: Found | undefined): Promise<boolean> {
    const { head: known, revision } = this.tail;
    if (found === undefined) return this.#renew(undefined, "it is empty, and was not before");
    const { head } = found;
    if (head.lineage !== known.lineage) return this.#load(found);
    const { history } = this.#cells.traits;
    if (head.history !== history) return this.#renew(found, "the database is another, or may have lost writes");
    if (head.at < known.at) return this.#renew(found, `it is at ${head.at}, and was at ${known.at}`);
    const way = head.newest === known.newest ? [] : await this.#wayTo(head.newest, known.newest);
    if (this.tail.revision !== revision || way === "moved") return false;
    if (way === "gone") return this.#load(found);
    if (way === "forked") return this.#renew(found, "it went another way than before");
    this.#accept(found, way);
    return true;
  }

  async #wayTo(newest: string, known: string): Promise<Way> {
    const last = await this.#readBatch(newest);
    if (last === undefined) return "moved";
    if (last.previous === known) return [last];
    const batches = await this.#readAll(await this.#batchKeys(known));
    return chainTo(last, known, new Map(batches.map((batch) => [batch.key, batch])));
  }

  /** Reads all of the log that is kept. */
  async #load({ head, revision }: Found): Promise<boolean> {
    const before = this.tail.revision;
    if (head.history !== this.#cells.traits.history)
      return this.#renew({ head, revision }, "the database is another, or may have lost writes");
    const batches = new Map((await this.#readAll(await this.#batchKeys(""))).map((batch) => [batch.key, batch]));
    const chain: Batch[] = [];
    let key = head.newest;
    for (let batch = batches.get(key); batch !== undefined; batch = batches.get(key)) {
      chain.push(batch);
      key = batch.previous;
    }
    // What is missing must be in the cells of its topics.
    if (key !== "" && firstOf(key) > head.floor) {
      if ((await readHead(this.#cells))?.revision === revision)
        throw new StoreCorrupt(`${key} is missing: the log has a hole behind ${head.floor}`);
      return false;
    }
    if (this.tail.revision !== before) return false;
    const [oldest] = chain.at(-1)?.entries ?? [];
    const knownFrom = key === "" ? 0 : (oldest?.sequence ?? head.at + 1) - 1;
    this.tail.replace(head, revision, knownFrom, chain.reverse());
    this.#options.onReplaced();
    return true;
  }

  /** The database went back in time, or may have: positions of before name nothing any more. */
  async #renew(found: Found | undefined, reason: string): Promise<boolean> {
    await beginLineage(this.#cells, found, this.tail.head.at);
    this.#options.onNewLineage(reason);
    return false;
  }

  /** The keys of all batches after one, oldest first; some of them may be of no chain. */
  async #batchKeys(after: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for (let last = after === "" ? LOG_PREFIX : after; ; ) {
      const page = await this.#cells.keys(LOG_PREFIX, last, KEYS_PAGE);
      keys.push(...page.filter((key) => !isPart(key)));
      const end = page.at(-1);
      if (end === undefined) return keys;
      last = end;
    }
  }

  async #readAll(keys: readonly string[]): Promise<readonly Batch[]> {
    const batches: Batch[] = [];
    for (let i = 0; i < keys.length; i += READS_AT_ONCE) {
      const read = await Promise.all(keys.slice(i, i + READS_AT_ONCE).map((key) => this.#readBatch(key)));
      for (const batch of read) if (batch !== undefined) batches.push(batch);
    }
    return batches;
  }

  /** undefined: it is not there, or not all of it. */
  async #readBatch(key: string): Promise<Batch | undefined> {
    const body = await readBody(this.#cells, key);
    return body === undefined ? undefined : decodeBatch(key, body);
  }
}

async function readHead(cells: Cells): Promise<Found | undefined> {
  const cell = await cells.read(HEAD);
  return cell === undefined ? undefined : { head: decodeHead(HEAD, cell.value), revision: cell.revision };
}

/** Where someone else was first, theirs is as good: whoever calls reads the head again. */
async function beginLineage(cells: Cells, found: Found | undefined, knownAt: number): Promise<void> {
  const at = Math.max(found?.head.at ?? 0, knownAt, Date.now() * SEQUENCES_PER_MILLISECOND) + 1;
  const head: LogHead = {
    newest: "",
    floor: at,
    ...found?.head,
    lineage: lineage(crypto.randomUUID()),
    at,
    history: cells.traits.history,
  };
  await cells.write(HEAD, encodeHead(head), found?.revision ?? "absent");
}

/** Back from `last` to the batch that is known, oldest first. */
function chainTo(last: Batch, known: string, batches: ReadonlyMap<string, Batch>): Way {
  const chain = [last];
  for (let { previous } = last; previous !== known; ) {
    const batch = batches.get(previous);
    if (batch === undefined)
      return known !== "" && (previous === "" || firstOf(previous) <= firstOf(known)) ? "forked" : "gone";
    chain.push(batch);
    previous = batch.previous;
  }
  return chain.reverse();
}
