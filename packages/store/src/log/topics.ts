import type { RecordId, Topic } from "@dragonflow/model";
import type { Clock } from "../clock.ts";
import type { Row } from "../contract.ts";
import { StoreCorrupt, Unavailable } from "../errors.ts";
import { readBody } from "./bodies.ts";
import type { Cells, Revision } from "./cells.ts";
import type { LogFollower } from "./follower.ts";
import { topicKey } from "./keys.ts";
import { decodeIndex, decodePage, type PageRef, type TopicIndex, versionOf } from "./records.ts";

export const NO_ROWS: TopicIndex = { applied: 0, position: 0, pages: [] };

interface CachedTopic {
  readonly index: TopicIndex;
  /** After that its pages may go. */
  readonly until: number;
  readonly pages: Map<string, ReadonlyMap<RecordId, Row>>;
}
const MOST_TOPICS = 10_000;
const MOST_PAGES = 1_000;

/** The page in which a record is, if it is there at all. */
export function pageOf(index: TopicIndex, id: RecordId): PageRef | undefined {
  let low = 0;
  let high = index.pages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((index.pages[middle]?.first ?? "") <= id) low = middle + 1;
    else high = middle;
  }
  return index.pages[low - 1];
}

export async function readIndex(
  cells: Cells,
  topic: Topic,
): Promise<{ readonly index: TopicIndex; readonly revision: Revision | "absent" }> {
  const key = topicKey(topic);
  const body = await cells.read(key);
  if (body === undefined) return { index: NO_ROWS, revision: "absent" };
  return { index: decodeIndex(key, body.value), revision: body.revision };
}

/** @throws {Unavailable} the topic was written anew, long enough ago that its old pages have gone. */
export async function readPage(cells: Cells, { key }: PageRef): Promise<readonly Row[]> {
  const body = await readBody(cells, key);
  if (body === undefined) throw new Unavailable(`${key} was replaced meanwhile`);
  return decodePage(key, body);
}

/**
 * Topics as this process sees them: the tail of the log over what their cells hold. What is asked for and not in memory is "unknown", to be loaded:
 * so a commit is judged within one turn of the event loop, against one state.
 */
export class Topics {
  readonly #cells: Cells;
  readonly #follower: LogFollower;
  readonly #clock: Clock;
  readonly #keepMilliseconds: number;
  readonly #cache = new Map<Topic, CachedTopic>();
  #pages = 0;

  /** @param graceSeconds how long a page that was replaced stays: half of that for us, half for who reads what we hand out */
  constructor(cells: Cells, follower: LogFollower, clock: Clock, graceSeconds: number) {
    this.#cells = cells;
    this.#follower = follower;
    this.#clock = clock;
    this.#keepMilliseconds = (graceSeconds * 1000) / 2;
  }

  /** The sequence of the last commit of a topic, 0 for none. */
  position(topic: Topic): number | "unknown" {
    return this.#follower.tail.last(topic) ?? this.#cache.get(topic)?.index.position ?? "unknown";
  }

  find(topic: Topic, id: RecordId): Row | "absent" | "unknown" {
    const change = this.#follower.tail.change(topic, id);
    if (change !== undefined) {
      const { sequence, value } = change;
      return value === undefined ? "absent" : { id, version: versionOf(sequence), value };
    }
    const cached = this.#cache.get(topic);
    if (cached === undefined) return "unknown";
    const ref = pageOf(cached.index, id);
    if (ref === undefined) return "absent";
    const page = cached.pages.get(ref.key);
    return page === undefined ? "unknown" : (page.get(id) ?? "absent");
  }

  /**
   * After it {@link position} knows the topic, and {@link find} the record.
   * @throws {StoreCorrupt} the topic is beyond the log.
   */
  async load(topic: Topic, id?: RecordId): Promise<void> {
    const { index, pages } = this.#cache.get(topic) ?? (await this.#loadIndex(topic));
    const ref = id === undefined ? undefined : pageOf(index, id);
    if (ref === undefined || pages.has(ref.key)) return;
    try {
      const rows = await readPage(this.#cells, ref);
      if (!pages.has(ref.key)) this.#pages++;
      pages.set(ref.key, new Map(rows.map((row) => [row.id, row])));
    } catch (error) {
      this.drop(topic);
      throw error;
    }
  }

  /** The index of a topic, that goes with the tail as it is: not beyond it, and nothing between them missing. */
  cached(topic: Topic): TopicIndex | undefined {
    const cached = this.#cache.get(topic);
    if (cached !== undefined && cached.until < this.#clock.now()) this.drop(topic);
    return this.#cache.get(topic)?.index;
  }

  /** A commit has left the tail: what was read of its topic before it was applied is too old. */
  forget(topic: Topic, sequence: number): void {
    const cached = this.#cache.get(topic);
    if (cached !== undefined && cached.index.applied < sequence) this.drop(topic);
  }
  clear(): void {
    this.#cache.clear();
    this.#pages = 0;
  }
  /** Between two turns: nobody relies on what is loaded. */
  trim(): void {
    for (const topic of this.#cache.keys()) {
      if (this.#cache.size <= MOST_TOPICS && this.#pages <= MOST_PAGES) break;
      this.drop(topic);
    }
  }

  /** What was read of it is of no use. */
  drop(topic: Topic): void {
    this.#pages -= this.#cache.get(topic)?.pages.size ?? 0;
    this.#cache.delete(topic);
  }

  async #loadIndex(topic: Topic): Promise<CachedTopic> {
    const { tail } = this.#follower;
    for (;;) {
      const { knownFrom, generation } = tail;
      const until = this.#clock.now() + this.#keepMilliseconds;
      const { index } = await readIndex(this.#cells, topic);
      if (index.applied > tail.head.at) {
        // Someone knows more than we do.
        await this.#follower.sync();
        if (index.applied > tail.head.at && generation === tail.generation)
          throw new StoreCorrupt(`${topic} is at ${index.applied}, beyond the log, which is at ${tail.head.at}`);
      }
      if (generation !== tail.generation) continue;
      // What left the tail while the cell was read may be missing in both.
      if (knownFrom !== tail.knownFrom && index.applied < tail.knownFrom) continue;
      const cached: CachedTopic = { index, until, pages: new Map() };
      this.drop(topic);
      this.#cache.set(topic, cached);
      return cached;
    }
  }
}
