import assert from "node:assert/strict";
import { type PingPair, type PingStats, startPings } from "@dragonflow/lab";
import type { Cloud } from "./cloud.ts";

const INTERVAL_MS = 10;
/** Before and after what is done meanwhile: a packet that would be lost around its edges is. */
const MARGIN = 50;

export interface Traffic {
  /** What was sent and answered so far, of each pair by IPv4, then of each by IPv6. */
  stats(): readonly PingStats[];
  /** Waits until every pair has sent this many more, answered or not. */
  sent(more: number): Promise<void>;
}

/**
 * Pings all pairs every 10 ms, by IPv4 and by IPv6, while `work` runs and a little longer.
 * @throws {assert.AssertionError} when a single packet was lost
 * @returns packets that each pair sent
 */
export async function withoutLoss(
  cloud: Cloud,
  pairs: readonly PingPair[],
  work: (traffic: Traffic) => Promise<void>,
): Promise<readonly number[]> {
  const stats = await underTraffic(cloud, pairs, work);
  assert.deepEqual(lossesOf(stats), [], await cloud.complaints());
  return stats.map(({ sent }) => sent);
}

/** In words, the pairs that lost something. */
export function lossesOf(stats: readonly PingStats[]): string[] {
  const bad = stats.filter(({ lost, error }) => lost > 0 || error !== null);
  return bad.map(({ from, to, address, sent, lost, error }) => {
    return `${from} -> ${to} (${address}): ${lost} of ${sent} lost ${error ?? ""}`.trim();
  });
}

/** The same, but losses are the caller's to judge. */
export async function underTraffic(
  cloud: Cloud,
  pairs: readonly PingPair[],
  work: (traffic: Traffic) => Promise<void>,
): Promise<readonly PingStats[]> {
  const pings = [
    await startPings(cloud.lab, pairs, { intervalMs: INTERVAL_MS, family: 4 }),
    await startPings(cloud.lab, pairs, { intervalMs: INTERVAL_MS, family: 6 }),
  ];
  const stats = () => pings.flatMap((family) => family.stats());
  const traffic: Traffic = {
    stats,
    sent: async (more) => {
      const before = stats().map(({ sent }) => sent);
      await cloud.until(
        `${more} more packets are sent`,
        () => stats().every(({ sent, error }, i) => error !== null || sent >= (before[i] ?? 0) + more),
        30_000 + 2 * more * INTERVAL_MS,
      );
    },
  };
  try {
    await traffic.sent(MARGIN);
    await work(traffic);
    await traffic.sent(MARGIN);
  } finally {
    for (const family of pings) await family.stop();
  }
  return stats();
}
