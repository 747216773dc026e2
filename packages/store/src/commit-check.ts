import { type Change, type CommitId, type Expect, LEASE_TOPIC, type Limits } from "./contract.ts";
import { InvalidRequest, TooLarge } from "./errors.ts";

export const COMMIT_ID_LENGTH = 200;
/** How long a store recognises a commit that it has already done, in seconds. */
export const COMMIT_ID_SECONDS = 600;

/**
 * What every driver refuses before it looks at its data.
 * @throws {InvalidRequest} | {@link TooLarge}, naming the limit.
 */
export function checkCommit(limits: Limits, id: CommitId, changes: readonly Change[], expect: readonly Expect[]): void {
  if (id.length === 0 || id.length > COMMIT_ID_LENGTH)
    throw new InvalidRequest(`a commit id has 1 to ${COMMIT_ID_LENGTH} characters`);
  const operations = changes.length + expect.length;
  if (operations > limits.opsPerCommit) throw new TooLarge("opsPerCommit", limits.opsPerCommit, operations);
  const named = new Set<string>();
  let bytes = 0;
  for (const change of changes) {
    if (change.topic === LEASE_TOPIC) throw new InvalidRequest("the store alone writes the leases' topic");
    const key = `${change.topic}\n${change.id}`;
    if (named.has(key)) throw new InvalidRequest(`${change.topic} ${change.id} is named twice`);
    named.add(key);
    if (change.op === "delete") continue;
    if (change.value.length > limits.bytesPerRecord)
      throw new TooLarge("bytesPerRecord", limits.bytesPerRecord, change.value.length);
    bytes += change.value.length;
  }
  if (bytes > limits.bytesPerCommit) throw new TooLarge("bytesPerCommit", limits.bytesPerCommit, bytes);
}
