import { isUtf8 } from "node:buffer";
import { parseTopic, type RecordId, type Topic } from "@dragonflow/model";
import {
  type Capabilities,
  type Change,
  type Committed,
  commitId,
  type Expect,
  type Head,
  lineage,
  parseRecordId,
  position,
  type Row,
  type Subscription,
  type TopicCommit,
  version,
} from "../contract.ts";
import { asFlag, asList, asNumber, asObject, asOneOf, asText, asTuple, ProtocolError } from "./json.ts";

/**
 * The contract's values as JSON: rows and the like as short lists, since there are many.
 *
 * A value is text where it looks like a JSON record, and else `[base64]`: bytes come out as they went in.
 */
const OPENING_BRACE = 0x7b;

type WireValue = string | readonly [string];

function encodeValue(value: Uint8Array): WireValue {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return bytes[0] === OPENING_BRACE && isUtf8(bytes) ? bytes.toString("utf8") : [bytes.toString("base64")];
}
function decodeValue(value: unknown): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  return Buffer.from(asText(asTuple(value, "value")[0], "value"), "base64");
}

/** @throws {ProtocolError} for text that is no topic or record id. */
export function topicOf(value: unknown, name = "topic"): Topic {
  return named(name, () => parseTopic(asText(value, name)));
}
export function recordIdOf(value: unknown, name = "id"): RecordId {
  return named(name, () => parseRecordId(asText(value, name)));
}
function named<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof RangeError) throw new ProtocolError(`${name}: ${cause.message}`, { cause });
    throw cause;
  }
}

export const encodeRow = (row: Row): unknown => [row.id, row.version, encodeValue(row.value)];
export function decodeRow(value: unknown): Row {
  const [id, number, bytes] = asTuple(value, "row");
  return { id: recordIdOf(id), version: version(asText(number, "version")), value: decodeValue(bytes) };
}

export const encodeHead = (head: Head): unknown => [head.lineage, head.position];
export function decodeHead(value: unknown): Head {
  const [of, at] = asTuple(value, "head");
  return { lineage: lineage(asText(of, "lineage")), position: position(asText(at, "position")) };
}

export const encodeChange = (change: Change): unknown =>
  change.op === "put" ? [change.topic, change.id, encodeValue(change.value)] : [change.topic, change.id];
export function decodeChange(value: unknown): Change {
  const [topic, id, bytes] = asTuple(value, "change");
  const key = { topic: topicOf(topic), id: recordIdOf(id) };
  return bytes === undefined ? { op: "delete", ...key } : { op: "put", ...key, value: decodeValue(bytes) };
}

export function decodeExpect(value: unknown): Expect {
  const fields = asObject(value, "expectation");
  const topic = topicOf(fields["topic"]);
  const kind = asOneOf(fields["kind"], "kind", ["absent", "present", "version", "topic-unchanged"]);
  switch (kind) {
    case "topic-unchanged":
      return { kind, topic, since: position(asText(fields["since"], "since")) };
    case "version":
      return { kind, topic, id: recordIdOf(fields["id"]), version: version(asText(fields["version"], "version")) };
    case "absent":
    case "present":
      return { kind, topic, id: recordIdOf(fields["id"]) };
    default:
      return kind satisfies never;
  }
}

export function encodeCommitted(result: Committed): unknown {
  return result.ok ? { ...result, positions: [...result.positions] } : result;
}
export function decodeCommitted(value: unknown): Committed {
  const fields = asObject(value, "result");
  if (!asFlag(fields["ok"], "ok")) return { ok: false, failed: asList(fields["failed"], "failed", decodeExpect) };
  return {
    ok: true,
    lineage: lineage(asText(fields["lineage"], "lineage")),
    positions: new Map(asList(fields["positions"], "positions", decodePlace)),
    replayed: asFlag(fields["replayed"], "replayed"),
  };
}
function decodePlace(value: unknown): readonly [Topic, ReturnType<typeof position>] {
  const [topic, at] = asTuple(value, "position");
  return [topicOf(topic), position(asText(at, "position"))];
}

export function encodeTopicCommit(commit: TopicCommit): unknown {
  return {
    topic: commit.topic,
    lineage: commit.lineage,
    prev: commit.prev,
    position: commit.position,
    commit: commit.commit,
    at: commit.committedAtMs,
    also: commit.alsoTouches.map((other) => [other.topic, other.position]),
    puts: commit.puts.map(encodeRow),
    deletes: commit.deletes.map((gone) => [gone.id, gone.version]),
  };
}
export function decodeTopicCommit(value: unknown): TopicCommit {
  const fields = asObject(value, "commit");
  return {
    topic: topicOf(fields["topic"]),
    lineage: lineage(asText(fields["lineage"], "lineage")),
    prev: position(asText(fields["prev"], "prev")),
    position: position(asText(fields["position"], "position")),
    commit: commitId(asText(fields["commit"], "commit")),
    // Servers that are older do not say it, and readers that are older pass over it.
    ...(fields["at"] === undefined ? {} : { committedAtMs: asNumber(fields["at"], "at") }),
    alsoTouches: asList(fields["also"], "also", decodePlace).map(([topic, at]) => ({ topic, position: at })),
    puts: asList(fields["puts"], "puts", decodeRow),
    deletes: asList(fields["deletes"], "deletes", (gone) => {
      const [id, number] = asTuple(gone, "delete");
      return { id: recordIdOf(id), version: version(asText(number, "version")) };
    }),
  };
}

export const encodeSubscription = ({ topic, from }: Subscription): unknown =>
  from === undefined ? [topic] : [topic, from.lineage, from.position];
export function decodeSubscription(value: unknown): Subscription {
  const [topic, ...from] = asTuple(value, "subscription");
  return from.length === 0 ? { topic: topicOf(topic) } : { topic: topicOf(topic), from: decodeHead(from) };
}

export function decodeCapabilities(value: unknown): Capabilities {
  const fields = asObject(value, "capabilities");
  const limits = asObject(fields["limits"], "limits");
  return {
    atomic: asOneOf(fields["atomic"], "atomic", ["all-topics", "one-topic", "one-key"]),
    durable: asOneOf(fields["durable"], "durable", ["quorum", "local-disk", "memory-async"]),
    watch: asOneOf(fields["watch"], "watch", ["data", "poke", "none"]),
    resume: asOneOf(fields["resume"], "resume", ["position", "recent", "never"]),
    delivery: asOneOf(fields["delivery"], "delivery", ["commit", "topic"]),
    lease: asFlag(fields["lease"], "lease"),
    rangeDelete: asFlag(fields["rangeDelete"], "rangeDelete"),
    serverSideFilter: asFlag(fields["serverSideFilter"], "serverSideFilter"),
    auth: asList(fields["auth"], "auth", (each) => asOneOf(each, "auth", ["tls", "password", "acl-by-topic"])),
    limits: {
      opsPerCommit: asNumber(limits["opsPerCommit"], "opsPerCommit"),
      bytesPerCommit: asNumber(limits["bytesPerCommit"], "bytesPerCommit"),
      bytesPerRecord: asNumber(limits["bytesPerRecord"], "bytesPerRecord"),
      listPage: asNumber(limits["listPage"], "listPage"),
    },
  };
}
