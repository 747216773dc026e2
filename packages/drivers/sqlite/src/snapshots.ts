import type { DatabaseSync, StatementSync } from "node:sqlite";
import { parseRecordId, type Row, Unavailable, version } from "@dragonflow/store";

/** A page of large values ends early. */
const PAGE_BYTES = 1024 * 1024;

/** One row as the database has it. */
export function rowOf(columns: Readonly<Record<string, unknown>>): Row {
  const { id, version: number, value } = columns;
  if (!(value instanceof Uint8Array)) throw new TypeError("a value that is not bytes");
  return { id: parseRecordId(String(id)), version: version(String(number)), value };
}

/** SQLite's order of text: by UTF-8 bytes. */
function isAfter(id: string, cursor: string): boolean {
  return Buffer.compare(Buffer.from(id), Buffer.from(cursor)) > 0;
}

/**
 * A topic read page by page while it is being written: whatever a commit is about to change ahead of the cursor is put aside first, so the
 * pages together are the topic as it was at the beginning.
 */
class SnapshotReader {
  readonly aside = new Map<string, Row | undefined>();
  cursor = "";

  keep(id: string, before: () => Row | undefined): void {
    if (!this.aside.has(id) && (this.cursor === "" || isAfter(id, this.cursor))) this.aside.set(id, before());
  }

  /** The page as it was: changed rows as they were, new ones left out. */
  restore(page: readonly Row[]): readonly Row[] {
    if (this.aside.size === 0) return page;
    const restored: Row[] = [];
    for (const row of page) {
      const before = this.aside.has(row.id) ? this.aside.get(row.id) : row;
      if (before !== undefined) restored.push(before);
      this.aside.delete(row.id);
    }
    return restored;
  }

  /** What was deleted meanwhile. */
  rest(): readonly Row[] {
    return [...this.aside.values()].filter((row) => row !== undefined);
  }
}

/** The snapshots that are being read. One that is forgotten half-way is collected with its reader. */
export class Snapshots {
  readonly #page: StatementSync;
  readonly #get: StatementSync;
  readonly #pageRows: number;
  readonly #readers = new Map<number, Set<WeakRef<SnapshotReader>>>();
  #closed = false;

  constructor(db: DatabaseSync, pageRows: number) {
    this.#page = db.prepare("SELECT id, version, value FROM rows WHERE topic = ? AND id > ? ORDER BY id LIMIT ?");
    this.#get = db.prepare("SELECT id, version, value FROM rows WHERE topic = ? AND id = ?");
    this.#pageRows = pageRows;
  }

  get(topic: number, id: string): Row | undefined {
    const columns = this.#get.get(topic, id);
    return columns === undefined ? undefined : rowOf(columns);
  }

  /** A small topic, at once. */
  all(topic: number): readonly Row[] {
    return this.#page.all(topic, "", -1).map(rowOf);
  }

  /** The rows of a topic as they are now. */
  read(topic: number): AsyncIterable<readonly Row[]> {
    const reader = new SnapshotReader();
    const readers = this.#readers.get(topic) ?? new Set();
    this.#readers.set(topic, readers);
    const reference = new WeakRef(reader);
    readers.add(reference);
    return this.#pages(topic, reader, () => {
      readers.delete(reference);
      if (readers.size === 0) this.#readers.delete(topic);
    });
  }

  /** Within a commit, before a row is changed. */
  beforeChange(topic: number, id: string): void {
    const readers = this.#readers.get(topic);
    if (readers === undefined) return;
    for (const reference of readers) {
      const reader = reference.deref();
      if (reader === undefined) readers.delete(reference);
      else reader.keep(id, () => this.get(topic, id));
    }
    if (readers.size === 0) this.#readers.delete(topic);
  }

  close(): void {
    this.#closed = true;
  }

  #nextPage(topic: number, after: string): readonly Row[] {
    const page: Row[] = [];
    let bytes = 0;
    for (const columns of this.#page.iterate(topic, after, this.#pageRows)) {
      const row = rowOf(columns);
      page.push(row);
      bytes += row.value.length;
      if (bytes > PAGE_BYTES) break;
    }
    return page;
  }

  async *#pages(topic: number, reader: SnapshotReader, done: () => void): AsyncGenerator<readonly Row[]> {
    try {
      for (;;) {
        if (this.#closed) throw new Unavailable("the store was closed");
        const page = this.#nextPage(topic, reader.cursor);
        const last = page.at(-1);
        if (last === undefined) break;
        const restored = reader.restore(page);
        reader.cursor = last.id;
        if (restored.length > 0) yield restored;
      }
      const rest = reader.rest();
      if (rest.length > 0) yield rest;
    } finally {
      done();
    }
  }
}
