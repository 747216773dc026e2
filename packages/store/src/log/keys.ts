/**
 * The names of the cells. `head` and one `topic/...` for each topic are written again and again, and never removed; all others are written once,
 * under a name that nobody uses twice, so that no late or repeated write can change what one holds.
 */
import type { Topic } from "@dragonflow/model";

export const HEAD = "head";
export const LOG_PREFIX = "log/";

const SEQUENCE_DIGITS = 16;

const sequenceText = (sequence: number): string => String(sequence).padStart(SEQUENCE_DIGITS, "0");

/** Sorts by the batch's first sequence. */
export const batchKey = (first: number): string => `${LOG_PREFIX}${sequenceText(first)}-${crypto.randomUUID()}`;
/** What follows the first cell of a batch that needs several. */
export const partKey = (key: string, part: number): string => `${key}.${part}`;
export const isPart = (key: string): boolean => key.includes(".");
export const firstOf = (key: string): number =>
  Number(key.slice(LOG_PREFIX.length, LOG_PREFIX.length + SEQUENCE_DIGITS));

/** One part of a key, without slashes. */
const escaped = (name: string): string =>
  encodeURIComponent(name).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

export const topicKey = (topic: Topic): string => `topic/${escaped(topic)}`;
export const pagePrefix = (topic: Topic): string => `page/${escaped(topic)}/`;
export const pageKey = (topic: Topic): string => `${pagePrefix(topic)}${crypto.randomUUID()}`;

export const beatKey = (lease: string): string => `beat/${escaped(lease)}`;
