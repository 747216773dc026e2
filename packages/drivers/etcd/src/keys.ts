import { parseTopic, type RecordId, type Topic } from "@dragonflow/model";
import { parseRecordId } from "@dragonflow/store";

/**
 * Where everything is, after the prefix:
 *
 *     meta                  which lineage this is
 *     t/TOPIC \0            the topic's head: the commit that touched it last, with its manifest
 *     t/TOPIC \0 RECORD     a record of the topic
 *     c/COMMIT              a commit that was done, for as long as its id is recognised
 *     l/LEASE               a lease that is held, under the holder's lease of etcd
 *     q/LEASE \0 WAITER     who waits for it, under its own
 *
 * A topic is one range, so a watch of the range sees head and records of a revision together, and a page of it has the head first.
 */
export class Keys {
  readonly #prefix: string;
  readonly meta: string;
  /** Every topic with its records. */
  readonly topics: Span;
  readonly leases: Span;
  readonly queues: Span;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.meta = `${prefix}meta`;
    this.topics = spanOf(`${prefix}t/`);
    this.leases = spanOf(`${prefix}l/`);
    this.queues = spanOf(`${prefix}q/`);
  }
  head(topic: Topic): string {
    return `${this.topics.key}${topic}\0`;
  }
  topic(topic: Topic): Span {
    return { key: this.head(topic), end: `${this.topics.key}${topic}\u0001` };
  }
  record(topic: Topic, id: RecordId): string {
    return `${this.head(topic)}${id}`;
  }
  commit(id: string): string {
    return `${this.#prefix}c/${id}`;
  }
  lease(name: string): string {
    return `${this.leases.key}${name}`;
  }
  queue(name: string): Span {
    return spanOf(`${this.queues.key}${name}\0`);
  }

  /** The topic of a head's key. */
  topicOf(head: string): Topic {
    return parseTopic(head.slice(this.topics.key.length, -1));
  }
}

/** From `key` up to `end`, which is not part of it. */
export interface Span {
  readonly key: string;
  readonly end: string;
}
/** Every key that begins so; it ends with a character of seven bits. */
function spanOf(start: string): Span {
  const last = start.charCodeAt(start.length - 1);
  return { key: start, end: `${start.slice(0, -1)}${String.fromCharCode(last + 1)}` };
}

const encoder = new TextEncoder();
/** Bytes of a head's key: what is longer in its topic's range is a record's. */
export const keyBytes = (key: string): number => encoder.encode(key).length;
/** The record that a key of a topic's range names; undefined for the head. */
export function recordOf(key: Buffer, headBytes: number): RecordId | undefined {
  return key.length === headBytes ? undefined : parseRecordId(key.toString("utf8", headBytes));
}
