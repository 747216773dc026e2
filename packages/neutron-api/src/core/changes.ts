import { AsyncLocalStorage } from "node:async_hooks";
import type { CommitId } from "@dragonflow/store";

/** Ids of the commits that whatever is under way has made, in order: what it changed can be followed by them through the cloud. */
const underWay = new AsyncLocalStorage<CommitId[]>();

/** Runs `work`, and collects the ids of the commits that it makes. */
export async function withChanges<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly changes: readonly CommitId[] }> {
  const changes: CommitId[] = [];
  const value = await underWay.run(changes, work);
  return { value, changes };
}

/** The store has this commit. */
export function noteChange(id: CommitId): void {
  underWay.getStore()?.push(id);
}
