import { type Infer, object, ShapeError, type Shape, text } from "./schema.ts";
import { type RecordId, recordId, type Topic } from "./topics.ts";

/** Version of the record schemas written by this release. A reader accepts any version and keeps fields that it does not know. */
export const SCHEMA_VERSION = 1;

type Fields = Readonly<Record<string, Shape<unknown>>>;

/** A kind of NB record: its fields, and the topic that each of its records lives in. Its key is (topic, kind, id), and the topic never changes. */
export interface Kind<T extends { readonly id: string } = { readonly id: string }> {
  readonly kind: string;
  readonly topic: (record: T) => Topic;
  readonly parse: (value: unknown) => T;
}

/** One record, as a projection declares it. Two with the same topic and id are the same record. */
export interface NbRecord {
  readonly topic: Topic;
  readonly id: RecordId;
  readonly kind: string;
  /** The fields of the kind. */
  readonly fields: { readonly id: string };
}

export function defineKind<F extends Fields>(definition: {
  readonly kind: string;
  readonly fields: F;
  readonly topic: (record: { readonly id: string } & { readonly [K in keyof F]: Infer<F[K]> }) => Topic;
}): Kind<{ readonly id: string } & { readonly [K in keyof F]: Infer<F[K]> }> {
  const identity = object({ id: text });
  const rest = object(definition.fields);
  return {
    kind: definition.kind,
    topic: definition.topic,
    parse: (value) => ({ ...rest.parse(value, definition.kind), ...identity.parse(value, definition.kind) }),
  };
}
export type RecordOf<K> = K extends Kind<infer T> ? T : never;

/** Makes the record that a projection returns. */
export function record<T extends { readonly id: string }>(kind: Kind<T>, fields: T): NbRecord {
  return { topic: kind.topic(fields), id: recordId(kind.kind, fields.id), kind: kind.kind, fields };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The bytes of a record in the store: UTF-8 JSON with its schema version. `previous` is what stands there: its unknown fields survive. */
export function encodeFields(
  fields: { readonly id: string },
  previous?: Readonly<Record<string, unknown>>,
): Uint8Array {
  return encoder.encode(JSON.stringify({ ...previous, schema: SCHEMA_VERSION, ...fields }));
}

/** @throws {ShapeError} when the bytes are not a JSON object. */
export function decodeFields(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new ShapeError("record", `UTF-8 JSON (${cause instanceof Error ? cause.message : String(cause)})`, undefined);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ShapeError("record", "an object", value);
  return { ...value };
}
