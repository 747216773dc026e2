import { isDeepStrictEqual } from "node:util";
import { encodeFields, type NbRecord } from "@dragonflow/model";
import type { Change } from "./contract.ts";

/** The fields of a record as they stand in the store, unknown ones included. */
export type StoredFields = (record: NbRecord) => Readonly<Record<string, unknown>> | undefined;

function keyed(records: readonly NbRecord[]): Map<string, NbRecord> {
  const byKey = new Map<string, NbRecord>();
  for (const record of records) {
    const key = `${record.topic}\n${record.id}`;
    if (byKey.has(key)) throw new RangeError(`projected twice: ${record.topic} ${record.id}`);
    byKey.set(key, record);
  }
  return byKey;
}

/**
 * What to commit so that the records of a user-level object become what its new projection says. Pure.
 *
 * @param before the projection of what was; empty when the object is new.
 * @param after the projection of what shall be; empty when it is deleted.
 * @param stored what stands in the store, so that fields which a newer release wrote there survive.
 * @returns puts of what is new or differs, deletes of what is gone, in the order of `after`, then `before`. A record whose key changed (another
 * topic, say) is a delete there and a put here.
 */
export function projectionChanges(
  before: readonly NbRecord[],
  after: readonly NbRecord[],
  stored: StoredFields = () => undefined,
): readonly Change[] {
  const old = keyed(before);
  const wanted = keyed(after);
  const changes: Change[] = [];
  for (const [key, record] of wanted) {
    const was = old.get(key);
    if (was !== undefined && isDeepStrictEqual(was.fields, record.fields)) continue;
    const value = encodeFields(record.fields, stored(record));
    changes.push({ op: "put", topic: record.topic, id: record.id, value });
  }
  for (const [key, record] of old)
    if (!wanted.has(key)) changes.push({ op: "delete", topic: record.topic, id: record.id });
  return changes;
}
