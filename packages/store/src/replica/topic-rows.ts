import { isDeepStrictEqual } from "node:util";
import { decodeFields, type RecordId, ShapeError, splitRecordId, type Topic } from "@dragonflow/model";
import type { Row, Snapshot, TopicCommit, Version } from "../contract.ts";

/** The fields of a record, unknown ones included. */
export type Fields = Readonly<Record<string, unknown>>;

export interface RowChange {
  readonly topic: Topic;
  readonly kind: string;
  readonly id: string;
  /** undefined: it is not there any more; perhaps it came and went unseen. */
  readonly row: Fields | undefined;
  /** Of the row; of one that is gone, the last that is known. */
  readonly version: Version;
}
/** Checks the fields of one kind. @throws {ShapeError} */
export type ParseKind = (kind: string, fields: Fields) => Fields;

interface HeldRow {
  readonly version: Version;
  readonly row: Fields;
}
/** undefined: there, but not decodable. */
export type Decoded = { readonly version: Version; readonly row: Fields | undefined };

/** The rows of one topic, decoded. What cannot be decoded counts as absent. */
export class TopicRows {
  readonly topic: Topic;
  readonly #parse: ParseKind;
  readonly #undecodable: (id: RecordId, error: ShapeError) => void;
  readonly #rows = new Map<RecordId, HeldRow>();
  /** Rows that the last snapshot lacked, and that stay until that is confirmed. */
  readonly #doubted = new Set<RecordId>();

  constructor(topic: Topic, parse: ParseKind, undecodable: (id: RecordId, error: ShapeError) => void) {
    this.topic = topic;
    this.#parse = parse;
    this.#undecodable = undecodable;
  }

  get size(): number {
    return this.#rows.size;
  }
  get doubted(): number {
    return this.#doubted.size;
  }
  get(id: RecordId): Fields | undefined {
    return this.#rows.get(id)?.row;
  }
  /** What a rewrite must expect. It may move on where the row stays the same, and no change tells of it. */
  version(id: RecordId): Version | undefined {
    return this.#rows.get(id)?.version;
  }
  *entries(): IterableIterator<RowChange> {
    for (const [id, { row, version }] of this.#rows) yield this.#change(id, row, version);
  }

  /** Reads all pages. Rows that are held in the same version are not decoded again. */
  async load(snapshot: Snapshot, sameLineage: boolean): Promise<ReadonlyMap<RecordId, Decoded>> {
    const loaded = new Map<RecordId, Decoded>();
    for await (const page of snapshot.rows)
      for (const row of page) {
        const held = this.#rows.get(row.id);
        loaded.set(row.id, sameLineage && held?.version === row.version ? held : this.#decode(row));
      }
    return loaded;
  }

  /** Those that are held, and that the snapshot lacks. */
  missingFrom(loaded: ReadonlyMap<RecordId, Decoded>): readonly RecordId[] {
    return [...this.#rows.keys()].filter((id) => !loaded.has(id));
  }

  /** @param keep what is missing stays, in doubt; what was in doubt before stays so in any case. */
  applySnapshot(loaded: ReadonlyMap<RecordId, Decoded>, keep: boolean): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const id of this.missingFrom(loaded)) {
      if (keep) this.#doubted.add(id);
      else if (!this.#doubted.has(id)) this.#remove(id, undefined, changes);
    }
    for (const [id, decoded] of loaded) {
      this.#doubted.delete(id);
      this.#put(id, decoded, changes);
    }
    return changes;
  }

  applyCommit(commit: TopicCommit): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const { id, version } of commit.deletes) {
      this.#doubted.delete(id);
      this.#remove(id, version, changes);
    }
    for (const row of commit.puts) {
      this.#doubted.delete(row.id);
      this.#put(row.id, this.#decode(row), changes);
    }
    return changes;
  }

  removeDoubted(): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const id of this.#doubted) this.#remove(id, undefined, changes);
    this.#doubted.clear();
    return changes;
  }

  removeAll(): readonly RowChange[] {
    const changes: RowChange[] = [];
    for (const id of this.#rows.keys()) this.#remove(id, undefined, changes);
    return changes;
  }

  #put(id: RecordId, { version, row }: Decoded, changes: RowChange[]): void {
    if (row === undefined) {
      this.#remove(id, version, changes);
      return;
    }
    const held = this.#rows.get(id);
    this.#rows.set(id, { version, row });
    // The same again, of another lineage say, is no change.
    if (held === undefined || (held.version !== version && !isDeepStrictEqual(held.row, row)))
      changes.push(this.#change(id, row, version));
  }

  #remove(id: RecordId, version: Version | undefined, changes: RowChange[]): void {
    const held = this.#rows.get(id);
    if (held === undefined) return;
    this.#rows.delete(id);
    changes.push(this.#change(id, undefined, version ?? held.version));
  }

  #decode({ id, value, version }: Row): Decoded {
    try {
      return { version, row: this.#parse(splitRecordId(id).kind, decodeFields(value)) };
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      this.#undecodable(id, error);
      return { version, row: undefined };
    }
  }

  #change(id: RecordId, row: Fields | undefined, version: Version): RowChange {
    return { topic: this.topic, ...splitRecordId(id), row, version };
  }
}
