import type { RecordId, Topic } from "@dragonflow/model";
import {
  type CommitId,
  commitId,
  type Lineage,
  lineage,
  ORIGIN,
  type Position,
  position,
  type Row,
  type Version,
  version,
} from "../contract.ts";
import { asList, asNumber, asObject, asText, asTuple } from "../relay/json.ts";
import { recordIdOf, topicOf } from "../relay/values.ts";
import { decodeFrame, encodeFrame, type TakeBlob } from "./frame.ts";

/** The one cell on which everything turns: a commit happened when this names its batch. */
export interface LogHead {
  readonly lineage: Lineage;
  /** The sequence of the last commit; higher where a lineage began. */
  readonly at: number;
  /** The key of the last batch; "" before the first. */
  readonly newest: string;
  /** Every commit up to here is in the cells of its topics. */
  readonly floor: number;
  /** {@link CellTraits.history} when the lineage began. */
  readonly history: string;
}

/** One topic's share of one commit. `prev`: the sequence before, 0 for none. */
export interface Share {
  readonly topic: Topic;
  readonly prev: number;
  readonly puts: readonly { readonly id: RecordId; readonly value: Uint8Array }[];
  readonly deletes: readonly RecordId[];
}
export interface Entry {
  readonly sequence: number;
  readonly commit: CommitId;
  readonly shares: readonly Share[];
}
/** Commits that were appended together. */
export interface Batch {
  readonly key: string;
  /** The key of the batch before: what makes them a chain. */
  readonly previous: string;
  readonly entries: readonly Entry[];
}

/** A topic as of `applied`: which pages hold its rows, in order of their ids. */
export interface TopicIndex {
  readonly applied: number;
  /** The last commit of the topic, up to `applied`. */
  readonly position: number;
  readonly pages: readonly PageRef[];
}
export interface PageRef {
  readonly first: RecordId;
  readonly key: string;
  readonly rows: number;
}

export const positionOf = (sequence: number): Position => (sequence === 0 ? ORIGIN : position(String(sequence)));
export const versionOf = (sequence: number): Version => version(String(sequence));

export const encodeHead = (head: LogHead): Uint8Array => encodeFrame(head);
export function decodeHead(key: string, bytes: Uint8Array): LogHead {
  return decodeFrame(key, bytes, (header) => {
    const fields = asObject(header, "the head");
    return {
      lineage: lineage(asText(fields["lineage"], "lineage")),
      at: asNumber(fields["at"], "at"),
      newest: asText(fields["newest"], "newest"),
      floor: asNumber(fields["floor"], "floor"),
      history: asText(fields["history"], "history"),
    };
  });
}

export function encodeBatch({ previous, entries }: Omit<Batch, "key">): Uint8Array {
  const blobs: Uint8Array[] = [];
  const lists = entries.map(({ sequence, commit, shares }) => [
    sequence,
    commit,
    shares.map(({ topic, prev, puts, deletes }) => {
      for (const { value } of puts) blobs.push(value);
      return [topic, prev, puts.map(({ id, value }) => [id, value.length]), deletes];
    }),
  ]);
  return encodeFrame({ previous, entries: lists }, blobs);
}
export function decodeBatch(key: string, bytes: Uint8Array): Batch {
  return decodeFrame(key, bytes, (header, take) => {
    const fields = asObject(header, "a batch");
    const entries = asList(fields["entries"], "entries", (each) => decodeEntry(each, take));
    return { key, previous: asText(fields["previous"], "previous"), entries };
  });
}
function decodeEntry(value: unknown, take: TakeBlob): Entry {
  const [sequence, commit, shares] = asTuple(value, "entry");
  return {
    sequence: asNumber(sequence, "sequence"),
    commit: commitId(asText(commit, "commit")),
    shares: asList(shares, "shares", (share) => {
      const [topic, prev, puts, deletes] = asTuple(share, "share");
      return {
        topic: topicOf(topic),
        prev: asNumber(prev, "prev"),
        puts: asList(puts, "puts", (put) => {
          const [id, length] = asTuple(put, "put");
          return { id: recordIdOf(id), value: take(asNumber(length, "length")) };
        }),
        deletes: asList(deletes, "deletes", recordIdOf),
      };
    }),
  };
}

export function encodeIndex({ applied, position: at, pages }: TopicIndex): Uint8Array {
  return encodeFrame({ applied, position: at, pages: pages.map((page) => [page.first, page.key, page.rows]) });
}
export function decodeIndex(key: string, bytes: Uint8Array): TopicIndex {
  return decodeFrame(key, bytes, (header) => {
    const fields = asObject(header, "a topic");
    return {
      applied: asNumber(fields["applied"], "applied"),
      position: asNumber(fields["position"], "position"),
      pages: asList(fields["pages"], "pages", (page) => {
        const [first, name, rows] = asTuple(page, "page");
        return { first: recordIdOf(first), key: asText(name, "key"), rows: asNumber(rows, "rows") };
      }),
    };
  });
}

export function encodePage(rows: readonly Row[]): Uint8Array {
  const list = rows.map((row) => [row.id, row.version, row.value.length]);
  return encodeFrame(
    list,
    rows.map((row) => row.value),
  );
}
export function decodePage(key: string, bytes: Uint8Array): readonly Row[] {
  return decodeFrame(key, bytes, (header, take) =>
    asList(header, "rows", (row) => {
      const [id, number, length] = asTuple(row, "row");
      return {
        id: recordIdOf(id),
        version: version(asText(number, "version")),
        value: take(asNumber(length, "length")),
      };
    }),
  );
}
