import type { Topic } from "@dragonflow/model";
import { type Row, Unavailable } from "@dragonflow/store";
import type { Connection } from "./connection.ts";
import { type Era, versionAt } from "./era.ts";
import { EtcdFault } from "./faults.ts";
import { keyBytes, type Keys, recordOf } from "./keys.ts";
import { range } from "./wire/calls.ts";
import type { KeyValue, RangeResponse } from "./wire/messages.ts";

/** With the first page comes the head, and often all there is. */
export const FIRST_PAGE = 64;
/** A page costs etcd a walk over all keys that follow, so few of them are better than many. */
export const LARGEST_PAGE = 5000;
/** etcd counts rows, not bytes: a page is as long as rows of the size of those before would fill. */
const PAGE_BYTES = 2 * 1024 * 1024;

export function rowOf(era: Era, kv: KeyValue, headBytes: number): Row | undefined {
  const id = recordOf(kv.key, headBytes);
  return id === undefined ? undefined : { id, version: versionAt(era, kv.modRevision), value: kv.value };
}

/** What a read of a topic's range found: the revision of its head, how often it was written, and the first page. */
export interface TopicStart {
  readonly topic: Topic;
  readonly era: Era;
  /** Of the store, when it was read. */
  readonly revision: number;
  readonly headRevision: number;
  readonly headCount: number;
  readonly first: RangeResponse;
}
export function startOf(keys: Keys, topic: Topic, era: Era, revision: number, first: RangeResponse): TopicStart {
  const [head] = first.kvs;
  const isHead = head !== undefined && head.key.length === keyBytes(keys.head(topic));
  if (!isHead) return { topic, era, revision, headRevision: 0, headCount: 0, first };
  return { topic, era, revision, headRevision: head.modRevision, headCount: head.version, first };
}

/** The rows of a topic at the revision where it was read first, page by page at the reader's pace. @throws {Unavailable} */
export async function* pagesOf(connection: Connection, keys: Keys, start: TopicStart): AsyncGenerator<readonly Row[]> {
  const { topic, era, revision } = start;
  const headBytes = keyBytes(keys.head(topic));
  const { end } = keys.topic(topic);
  let page = start.first;
  for (;;) {
    if (connection.era.lineage !== era.lineage) throw new Unavailable("the store has another lineage now");
    const rows: Row[] = [];
    let bytes = 0;
    for (const kv of page.kvs) {
      const row = rowOf(era, kv, headBytes);
      if (row !== undefined) rows.push(row);
      bytes += kv.value.length + kv.key.length;
    }
    if (rows.length > 0) yield rows;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    const each = Math.max(1, bytes / page.kvs.length);
    const limit = Math.max(1, Math.min(LARGEST_PAGE, Math.floor(PAGE_BYTES / each)));
    const request = { key: `${last.key.toString("utf8")}\0`, end, revision, limit };
    try {
      page = await connection.read(range, request, (fault) => fault.isCompacted || fault.isFuture);
    } catch (error) {
      if (!(error instanceof EtcdFault)) throw error;
      throw new Unavailable(`the snapshot of ${topic} is too old to be read on: ${error.message}`, { cause: error });
    }
  }
}
