import type { RecordId, Topic } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import type { Row } from "../contract.ts";
import { OutcomeUnknown, Unavailable } from "../errors.ts";
import type { Appender } from "./appender.ts";
import { writeBody } from "./bodies.ts";
import type { Cells } from "./cells.ts";
import type { LogFollower } from "./follower.ts";
import { firstOf, LOG_PREFIX, pageKey, pagePrefix, topicKey } from "./keys.ts";
import type { Patience } from "./patience.ts";
import { encodeIndex, encodePage, type PageRef, type Share, type TopicIndex, versionOf } from "./records.ts";
import type { LastChange } from "./tail.ts";
import { pageOf, readIndex, readPage } from "./topics.ts";

export interface CheckpointOptions {
  /** Commits in the log that are not in the cells of their topics, at which they are brought there. */
  readonly commits: number;
  /** How long a page that was replaced stays for those who are reading it. */
  readonly graceSeconds: number;
}
export const DEFAULT_CHECKPOINT: CheckpointOptions = { commits: 256, graceSeconds: 600 };

const TOPICS_AT_ONCE = 8;
const PAGE_BYTES = 64 * 1024;
const ROW_OVERHEAD_BYTES = 100;
const KEYS_PAGE = 1000;

interface Parts {
  readonly cells: Cells;
  readonly clock: Clock;
  readonly patience: () => Patience;
  readonly follower: LogFollower;
  readonly appender: Appender;
  readonly onError: (error: unknown) => void;
}

/**
 * Brings what is in the log into the cells of its topics, says in the head that it is there, and removes what nobody needs any more. Any process may
 * do it at any time, several at once, and stop anywhere: an index says up to where it is applied, and replaces just the index that it was made from.
 */
export class Checkpoints {
  readonly #parts: Parts;
  readonly #options: CheckpointOptions;
  readonly #swept = new Set<Topic>();
  #running: Promise<void> | undefined;
  #retired: { readonly key: string; readonly at: number }[] = [];
  #closed = false;

  constructor(parts: Parts, options: CheckpointOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** After commits of this process: whoever makes the log long shortens it. */
  consider(): void {
    if (this.#closed || this.#running !== undefined) return;
    if (this.#parts.follower.tail.unapplied().length >= this.#options.commits) void this.run();
  }

  /** Never fails: what could not be done is done the next time. */
  run(): Promise<void> {
    this.#running ??= this.#attempt()
      .catch((error: unknown) => {
        if (!(error instanceof Unavailable || error instanceof OutcomeUnknown)) this.#parts.onError(error);
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #attempt(): Promise<void> {
    const { follower, appender } = this.#parts;
    const through = follower.tail.head.at;
    const topics = new Set(follower.tail.unapplied().flatMap(({ shares }) => shares.map((share) => share.topic)));
    const left = [...topics];
    const worker = async (): Promise<void> => {
      for (let topic = left.pop(); topic !== undefined; topic = left.pop()) await this.#apply(topic, through);
    };
    await Promise.all(Array.from({ length: TOPICS_AT_ONCE }, worker));
    await appender.raiseFloor(through);
    await this.#removeOldLog();
    await this.#removeRetired();
  }

  /** Brings one topic to the state that it had at a commit. */
  async #apply(topic: Topic, through: number): Promise<void> {
    const { cells, clock, follower } = this.#parts;
    const { tail } = follower;
    const { generation } = tail;
    const patience = this.#parts.patience();
    for (;;) {
      if (this.#closed) throw new Unavailable("closed");
      // Listed before the index is read: what is there now and not in the next index will never be in one.
      const there = this.#swept.has(topic) ? [] : await patience.until(() => this.#pageKeys(topic));
      const { index, revision } = await patience.until(() => readIndex(cells, topic));
      if (index.applied >= through || generation !== tail.generation) return;
      const entries = tail.since(topic, index.applied).filter((entry) => entry.sequence <= through);
      const last = entries.at(-1);
      if (last === undefined) return;
      const { pages, replaced } = await this.#rewrite(topic, index, changesOf(topic, entries), patience);
      const next: TopicIndex = { applied: through, position: last.sequence, pages };
      if (generation !== tail.generation) return;
      try {
        if ((await cells.write(topicKey(topic), encodeIndex(next), revision)) === "moved") continue;
      } catch (error) {
        await patience.pause(error);
        continue;
      }
      this.#swept.add(topic);
      const used = new Set(pages.map((page) => page.key));
      const garbage = there.filter((key) => !used.has(key.split(".", 1)[0] ?? key));
      for (const key of new Set([...garbage, ...replaced])) this.#retired.push({ key, at: clock.now() });
      return;
    }
  }

  /** New pages for the rows that changed; all others stay as they are. */
  async #rewrite(
    topic: Topic,
    index: TopicIndex,
    changes: ReadonlyMap<RecordId, LastChange>,
    patience: Patience,
  ): Promise<{ readonly pages: readonly PageRef[]; readonly replaced: readonly string[] }> {
    const { cells } = this.#parts;
    const byPage = new Map<PageRef | undefined, Map<RecordId, LastChange>>();
    for (const [id, change] of changes) {
      const page = pageOf(index, id) ?? index.pages[0];
      const own = byPage.get(page);
      if (own === undefined) byPage.set(page, new Map([[id, change]]));
      else own.set(id, change);
    }
    const pages: PageRef[] = [];
    const replaced: string[] = [];
    let pending: Row[] = [];
    const flush = async (isLast: boolean): Promise<void> => {
      for (const rows of splitPages(pending, isLast)) {
        pending = pending.slice(rows.length);
        const [first] = rows;
        if (first === undefined) continue;
        const key = pageKey(topic);
        await writeBody(cells, key, encodePage(rows), patience);
        pages.push({ first: first.id, key, rows: rows.length });
      }
    };
    const whole = byPage.get(undefined);
    if (whole !== undefined) pending = applied([], whole);
    for (const page of index.pages) {
      const own = byPage.get(page);
      if (own === undefined && sizeOf(pending) >= PAGE_BYTES / 2) await flush(true);
      if (own === undefined && pending.length === 0) {
        pages.push(page);
        continue;
      }
      const rows = await patience.until(() => readPage(cells, page));
      pending.push(...applied(rows, own ?? new Map()));
      replaced.push(page.key);
      await flush(false);
    }
    await flush(true);
    return { pages, replaced };
  }

  async #pageKeys(topic: Topic): Promise<readonly string[]> {
    const prefix = pagePrefix(topic);
    const keys: string[] = [];
    for (let after = prefix; ; ) {
      const page = await this.#parts.cells.keys(prefix, after, KEYS_PAGE);
      keys.push(...page);
      const last = page.at(-1);
      if (last === undefined) return keys;
      after = last;
    }
  }

  async #removeOldLog(): Promise<void> {
    const { cells, follower } = this.#parts;
    const keepFrom = follower.tail.expire();
    for (;;) {
      const keys = await cells.keys(LOG_PREFIX, LOG_PREFIX, KEYS_PAGE);
      const old = keys.filter((key) => firstOf(key) < keepFrom);
      for (const key of old) await cells.remove(key);
      if (old.length < keys.length || keys.length === 0) return;
    }
  }

  async #removeRetired(): Promise<void> {
    const before = this.#parts.clock.now() - this.#options.graceSeconds * 1000;
    while ((this.#retired[0]?.at ?? Number.POSITIVE_INFINITY) <= before) {
      const [{ key } = { key: "" }] = this.#retired;
      for (const part of await this.#parts.cells.keys(key, "", KEYS_PAGE)) await this.#parts.cells.remove(part);
      this.#retired.shift();
    }
  }
}

function changesOf(topic: Topic, entries: readonly { readonly sequence: number; readonly shares: readonly Share[] }[]) {
  const changes = new Map<RecordId, LastChange>();
  for (const { sequence, shares } of entries)
    for (const share of shares) {
      if (share.topic !== topic) continue;
      for (const { id, value } of share.puts) changes.set(id, { sequence, value });
      for (const id of share.deletes) changes.set(id, { sequence, value: undefined });
    }
  return changes;
}

const byId = (a: Row, b: Row): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

function applied(rows: readonly Row[], changes: ReadonlyMap<RecordId, LastChange>): Row[] {
  const kept = rows.filter((row) => !changes.has(row.id));
  for (const [id, { sequence, value }] of changes)
    if (value !== undefined) kept.push({ id, version: versionOf(sequence), value });
  return kept.sort(byId);
}

const sizeOf = (rows: readonly Row[]): number =>
  rows.reduce((sum, row) => sum + row.value.length + row.id.length + ROW_OVERHEAD_BYTES, 0);

/** Full pages off the front; the rest too if nothing follows. */
function splitPages(rows: readonly Row[], isLast: boolean): readonly (readonly Row[])[] {
  const pages: Row[][] = [];
  let page: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    page.push(row);
    bytes += sizeOf([row]);
    if (bytes < PAGE_BYTES) continue;
    pages.push(page);
    page = [];
    bytes = 0;
  }
  if (isLast && page.length > 0) pages.push(page);
  return pages;
}
