import type { Topic, RecordId } from "@dragonflow/model";
import type {
  Capabilities,
  Change,
  CommitId,
  Expect,
  Head,
  Row,
  Subscription,
  TopicCommit,
  Version,
} from "../contract.ts";
import { commitId, version } from "../contract.ts";
import { type ErrorFields, STORE_ERROR_CODES } from "../errors.ts";
import { asFlag, asList, asNumber, asObject, asOneOf, asText, type JsonObject, parseJson } from "./json.ts";
import * as values from "./values.ts";

/**
 * The relay's protocol: JSON text frames over one WebSocket. A request has a number, and gets one `answer` or one `error` with it. A watch has a
 * number that the client chose; all that is sent for a topic after `began` belongs to the `add` of that generation. Pages of snapshots are sent
 * only as far as the client's `ack`s allow.
 */
export const RELAY_PATH = "/store";
/** The WebSocket subprotocol (RFC 6455 section 1.9): a later, incompatible one gets another name, and servers offer both. */
export const RELAY_PROTOCOL = "dragonflow-store.1";
/** Pages of snapshots that are on their way to one client, at most. */
export const PAGE_WINDOW = 16;

/** From the client. `resume`: the fence of a lease that the client believes to hold. */
export type ClientFrame =
  | { readonly type: "get"; readonly request: number; readonly topic: Topic; readonly id: RecordId }
  | { readonly type: "head"; readonly request: number; readonly topic: Topic }
  | {
      readonly type: "commit";
      readonly request: number;
      readonly id: CommitId;
      readonly changes: readonly Change[];
      readonly expect: readonly Expect[];
    }
  | {
      readonly type: "lease";
      readonly request: number;
      readonly name: string;
      readonly ttlSeconds: number;
      readonly holder: string;
      readonly resume?: Version;
    }
  | { readonly type: "release"; readonly request: number; readonly name: string; readonly fence: Version }
  /** The client no longer waits for the lease of that request; if it was granted meanwhile, it is released. */
  | { readonly type: "cancel"; readonly request: number; readonly name: string }
  /** `once`: snapshots, and no more. */
  | {
      readonly type: "add";
      readonly watch: number;
      readonly generation: number;
      readonly once: boolean;
      readonly subscriptions: readonly Subscription[];
    }
  | { readonly type: "drop"; readonly watch: number; readonly topics: readonly Topic[] }
  | { readonly type: "close"; readonly watch: number }
  | { readonly type: "ack"; readonly pages: number }
  | { readonly type: "ping"; readonly number: number };

/** What every server tells at the start. `silenceSeconds`: a client that is not heard for so long is taken for dead. */
export interface Welcome {
  readonly capabilities: Capabilities;
  readonly frameBytes: number;
  readonly silenceSeconds: number;
}
export type ServerFrame =
  | ({ readonly type: "welcome" } & Welcome)
  | { readonly type: "answer"; readonly request: number; readonly result: unknown }
  | { readonly type: "error"; readonly request: number; readonly error: ErrorFields }
  | { readonly type: "pong"; readonly number: number }
  | { readonly type: "lost"; readonly name: string; readonly fence: Version }
  | { readonly type: "refused"; readonly watch: number; readonly error: ErrorFields }
  | { readonly type: "began"; readonly watch: number; readonly generation: number; readonly topics: readonly Topic[] }
  | { readonly type: "snapshot"; readonly watch: number; readonly topic: Topic; readonly head: Head }
  | {
      readonly type: "page";
      readonly watch: number;
      readonly topic: Topic;
      readonly rows: readonly Row[];
      readonly last: boolean;
    }
  | { readonly type: "commit"; readonly watch: number; readonly commit: TopicCommit }
  | { readonly type: "current"; readonly watch: number; readonly topics: readonly Topic[] }
  | {
      readonly type: "stale";
      readonly watch: number;
      readonly reason: "disconnected" | "overflow";
      readonly topics: readonly Topic[];
    };

export function encodeClientFrame(frame: ClientFrame): string {
  if (frame.type === "commit") return JSON.stringify({ ...frame, changes: frame.changes.map(values.encodeChange) });
  if (frame.type === "add")
    return JSON.stringify({ ...frame, subscriptions: frame.subscriptions.map(values.encodeSubscription) });
  return JSON.stringify(frame);
}

const CLIENT_FRAMES = [
  "get",
  "head",
  "commit",
  "lease",
  "release",
  "cancel",
  "add",
  "drop",
  "close",
  "ack",
  "ping",
] as const;

/** @throws {ProtocolError} */
export function decodeClientFrame(text: string): ClientFrame {
  const fields = parseJson(text);
  const type = asOneOf(fields["type"], "type", CLIENT_FRAMES);
  const request = (): number => asNumber(fields["request"], "request");
  const watch = (): number => asNumber(fields["watch"], "watch");
  switch (type) {
    case "get":
      return { type, request: request(), topic: values.topicOf(fields["topic"]), id: values.recordIdOf(fields["id"]) };
    case "head":
      return { type, request: request(), topic: values.topicOf(fields["topic"]) };
    case "commit":
      return {
        type,
        request: request(),
        id: commitId(asText(fields["id"], "id")),
        changes: asList(fields["changes"], "changes", values.decodeChange),
        expect: asList(fields["expect"], "expect", values.decodeExpect),
      };
    case "lease":
      return {
        type,
        request: request(),
        name: asText(fields["name"], "name"),
        ttlSeconds: asNumber(fields["ttlSeconds"], "ttlSeconds"),
        holder: asText(fields["holder"], "holder"),
        ...(fields["resume"] === undefined ? {} : { resume: version(asText(fields["resume"], "resume")) }),
      };
    case "release":
      return {
        type,
        request: request(),
        name: asText(fields["name"], "name"),
        fence: version(asText(fields["fence"], "fence")),
      };
    case "cancel":
      return { type, request: request(), name: asText(fields["name"], "name") };
    case "add":
      return {
        type,
        watch: watch(),
        generation: asNumber(fields["generation"], "generation"),
        once: asFlag(fields["once"], "once"),
        subscriptions: asList(fields["subscriptions"], "subscriptions", values.decodeSubscription),
      };
    case "drop":
      return { type, watch: watch(), topics: topicsOf(fields) };
    case "close":
      return { type, watch: watch() };
    case "ack":
      return { type, pages: asNumber(fields["pages"], "pages") };
    case "ping":
      return { type, number: asNumber(fields["number"], "number") };
    default:
      return type satisfies never;
  }
}

export function encodeServerFrame(frame: ServerFrame): string {
  if (frame.type === "snapshot") return JSON.stringify({ ...frame, head: values.encodeHead(frame.head) });
  if (frame.type === "page") return JSON.stringify({ ...frame, rows: frame.rows.map(values.encodeRow) });
  if (frame.type === "commit") return JSON.stringify({ ...frame, commit: values.encodeTopicCommit(frame.commit) });
  return JSON.stringify(frame);
}

const SERVER_FRAMES = [
  "welcome",
  "answer",
  "error",
  "pong",
  "lost",
  "refused",
  "began",
  "snapshot",
  "page",
  "commit",
  "current",
  "stale",
] as const;

/** @throws {ProtocolError} */
export function decodeServerFrame(text: string): ServerFrame {
  const fields = parseJson(text);
  const type = asOneOf(fields["type"], "type", SERVER_FRAMES);
  const watch = (): number => asNumber(fields["watch"], "watch");
  const topic = (): Topic => values.topicOf(fields["topic"]);
  switch (type) {
    case "welcome":
      return {
        type,
        capabilities: values.decodeCapabilities(fields["capabilities"]),
        frameBytes: asNumber(fields["frameBytes"], "frameBytes"),
        silenceSeconds: asNumber(fields["silenceSeconds"], "silenceSeconds"),
      };
    case "answer":
      return { type, request: asNumber(fields["request"], "request"), result: fields["result"] };
    case "error":
      return { type, request: asNumber(fields["request"], "request"), error: decodeError(fields["error"]) };
    case "pong":
      return { type, number: asNumber(fields["number"], "number") };
    case "lost":
      return { type, name: asText(fields["name"], "name"), fence: version(asText(fields["fence"], "fence")) };
    case "refused":
      return { type, watch: watch(), error: decodeError(fields["error"]) };
    case "began":
      return {
        type,
        watch: watch(),
        generation: asNumber(fields["generation"], "generation"),
        topics: topicsOf(fields),
      };
    case "snapshot":
      return { type, watch: watch(), topic: topic(), head: values.decodeHead(fields["head"]) };
    case "page": {
      const rows = asList(fields["rows"], "rows", values.decodeRow);
      return { type, watch: watch(), topic: topic(), rows, last: asFlag(fields["last"], "last") };
    }
    case "commit":
      return { type, watch: watch(), commit: values.decodeTopicCommit(fields["commit"]) };
    case "current":
      return { type, watch: watch(), topics: topicsOf(fields) };
    case "stale": {
      const reason = asOneOf(fields["reason"], "reason", ["disconnected", "overflow"]);
      return { type, watch: watch(), reason, topics: topicsOf(fields) };
    }
    default:
      return type satisfies never;
  }
}

function topicsOf(fields: JsonObject): readonly Topic[] {
  return asList(fields["topics"], "topics", (each) => values.topicOf(each));
}

function decodeError(value: unknown): ErrorFields {
  const fields = asObject(value, "error");
  const code = asOneOf(fields["code"], "code", STORE_ERROR_CODES);
  const message = asText(fields["message"], "message");
  if (fields["limit"] === undefined) return { code, message };
  const allowed = asNumber(fields["allowed"], "allowed");
  return {
    code,
    message,
    limit: asText(fields["limit"], "limit"),
    allowed,
    actual: asNumber(fields["actual"], "actual"),
  };
}
