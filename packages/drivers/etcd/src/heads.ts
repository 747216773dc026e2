import { parseTopic, type Topic } from "@dragonflow/model";
import { type CommitId, commitId } from "@dragonflow/store";

/**
 * The manifest is in each head of the commit, unless it is so long that repeating it would be most of the commit: then it is read from the commit's
 * own record, at the revision of the commit.
 */
const TOPICS_IN_HEAD = 32;

export interface HeadValue {
  readonly commit: CommitId;
  /** All topics of the commit. */
  readonly topics: readonly Topic[] | undefined;
}

export function encodeHead(commit: CommitId, topics: readonly Topic[]): Buffer {
  return Buffer.from(JSON.stringify(topics.length > TOPICS_IN_HEAD ? [commit] : [commit, ...topics]));
}
export function decodeHead(value: Buffer): HeadValue {
  const [commit = "", ...topics] = textsOf(value);
  return { commit: commitId(commit), topics: topics.length === 0 ? undefined : topics.map(parseTopic) };
}

/** What the record of a commit says: the topics that it touched. */
export const encodeRecord = (topics: readonly Topic[]): Buffer => Buffer.from(JSON.stringify(topics));
export const topicsOfRecord = (value: Buffer): readonly Topic[] => textsOf(value).map(parseTopic);

function textsOf(value: Buffer): readonly string[] {
  const parsed: unknown = JSON.parse(value.toString("utf8"));
  return Array.isArray(parsed) ? parsed.map(String) : [];
}
