import { parseRecord, toRowChange } from "@dragonflow/controller";
import type { ReadTopics } from "@dragonflow/explain";
import { decodeFields, parseTopic, ShapeError, splitRecordId } from "@dragonflow/model";
import { type Row, type StoreDriver } from "@dragonflow/store";

type Rows = Awaited<ReturnType<ReadTopics>> extends ReadonlyMap<string, infer R> ? R : never;

/** Topics as a controller would read them, each as it is now; a record that a controller could not read counts as absent. */
export const topicsOf =
  (store: StoreDriver): ReadTopics =>
  async (topics) =>
    new Map(
      await Promise.all(
        topics.map(async (topic): Promise<readonly [string, Rows]> => [topic, await read(store, topic)]),
      ),
    );

async function read(store: StoreDriver, name: string): Promise<Rows> {
  const topic = parseTopic(name);
  const snapshot = await store.snapshot(topic);
  const rows: Rows[number][] = [];
  for await (const page of snapshot.rows) for (const row of page) rows.push(...asRow(topic, row));
  return rows;
}

function asRow(topic: ReturnType<typeof parseTopic>, { id: recordId, value, version: at }: Row): Rows {
  const { kind, id } = splitRecordId(recordId);
  try {
    const row = toRowChange({ topic, kind, id, row: parseRecord(kind, decodeFields(value)), version: at });
    return row === undefined ? [] : [row];
  } catch (error) {
    if (error instanceof ShapeError) return [];
    throw error;
  }
}
