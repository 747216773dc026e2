import type { Topic } from "@dragonflow/model";
import { comparePositions, type Position, type TopicCommit } from "../contract.ts";

/** A commit that has arrived and waits for the other topics that it touches. */
export interface HeldCommit {
  readonly commit: TopicCommit;
  /** By the replica's clock, milliseconds. */
  readonly arrivedAt: number;
  /** It could not be applied at once. */
  waited: boolean;
  /** Waited long enough: applied without the others. */
  released: boolean;
}

/**
 * How many of each topic's waiting commits may be applied together now, so that no commit is applied in one topic and not in another: the largest
 * such cut. Pure.
 *
 * @param queues what waits, in order, of the topics where something does.
 * @param applied where a topic is without its queue; undefined: not followed, or not up to date itself, and so not waited for.
 */
export function consistentCut(
  queues: ReadonlyMap<Topic, readonly HeldCommit[]>,
  applied: (topic: Topic) => Position | undefined,
): ReadonlyMap<Topic, number> {
  const lengths = new Map<Topic, number>();
  for (const [topic, queue] of queues) lengths.set(topic, queue.length);

  const reached = (topic: Topic): Position | undefined => {
    const length = lengths.get(topic) ?? 0;
    return queues.get(topic)?.[length - 1]?.commit.position ?? applied(topic);
  };
  const complete = ({ commit, released }: HeldCommit): boolean =>
    released ||
    commit.alsoTouches.every((other) => {
      const at = reached(other.topic);
      return at === undefined || comparePositions(at, other.position) >= 0;
    });

  // Start from everything and take back what cannot go, until nothing changes.
  for (let shrunk = true; shrunk; ) {
    shrunk = false;
    for (const [topic, queue] of queues) {
      const length = lengths.get(topic) ?? 0;
      const fits = queue.slice(0, length).findIndex((each) => !complete(each));
      if (fits < 0) continue;
      lengths.set(topic, fits);
      shrunk = true;
    }
  }
  return lengths;
}
