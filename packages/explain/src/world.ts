import type { Row, RowChange, Table } from "@dragonflow/engine";

/** The rows of topics, as they are now; a topic to which nothing was written has none. */
export type ReadTopics = (topics: readonly string[]) => Promise<ReadonlyMap<string, readonly RowChange[]>>;
/** What a topic would hold if something were otherwise. */
export type Patch = (topic: string, rows: readonly RowChange[]) => readonly RowChange[];

/** What the model says: topics are read when they are asked for, each once. */
export class World {
  readonly #read: ReadTopics;
  readonly #patches: readonly Patch[];
  /** As they are, shared with the worlds in which something is otherwise. */
  readonly #topics: Map<string, readonly RowChange[]>;
  readonly #patched = new Map<string, readonly RowChange[]>();

  constructor(read: ReadTopics, patches: readonly Patch[] = [], topics = new Map<string, readonly RowChange[]>()) {
    this.#read = read;
    this.#patches = patches;
    this.#topics = topics;
  }

  /** The same with something otherwise; nothing is read again. */
  with(patch: Patch): World {
    return new World(this.#read, [...this.#patches, patch], this.#topics);
  }

  async load(topics: readonly string[]): Promise<void> {
    const missing = topics.filter((topic) => !this.#topics.has(topic));
    if (missing.length > 0) for (const [topic, rows] of await this.#read(missing)) this.#topics.set(topic, rows);
    for (const topic of topics) {
      const rows = this.#topics.get(topic) ?? [];
      this.#topics.set(topic, rows);
      if (this.#patched.has(topic)) continue;
      this.#patched.set(
        topic,
        this.#patches.reduce((so, patch) => patch(topic, so), rows),
      );
    }
  }

  /** Of a topic that was loaded. */
  rows(topic: string): readonly RowChange[] {
    return this.#patched.get(topic) ?? [];
  }
  list<T extends Row>(table: Table<T>, topic: string): readonly T[] {
    return this.rows(topic).flatMap((change) => (isOf(change, table) ? [change.row] : []));
  }
  row<T extends Row>(table: Table<T>, topic: string, id: string): T | undefined {
    return this.list(table, topic).find((row) => row.id === id);
  }
  /** In whatever topic that was loaded. */
  find<T extends Row>(table: Table<T>, id: string): T | undefined {
    return this.all(table).find((row) => row.id === id);
  }
  all<T extends Row>(table: Table<T>): readonly T[] {
    return [...this.#patched.keys()].flatMap((topic) => this.list(table, topic));
  }
}

/** Rows of a table were checked against its kind when they were read. */
function isOf<T extends Row>(change: RowChange, table: Table<T>): change is RowChange & { readonly row: T } {
  return change.table === table && change.row !== undefined;
}
