import { isIP } from "node:net";
import { type Lab, LabError, type Pings, type PingStats, startPings } from "@dragonflow/lab";

export type Family = 4 | 6;
export const FAMILIES = [4, 6] as const satisfies readonly Family[];

export interface Target {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** What is known of one pair of VMs, in one family. */
export interface PairView {
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  /** Of the latest answer; null before the first. */
  readonly rttMs: number | null;
  /** 0 to 1, of the requests of the last {@link WINDOW_SECONDS}; null before the first. */
  readonly recentLoss: number | null;
}
export interface Totals {
  readonly family: Family;
  readonly pairs: number;
  readonly sent: number;
  readonly lost: number;
  readonly averageMs: number | null;
}

export const WINDOW_SECONDS = 10;
const INTERVAL_MS = 1_000;
/** ping processes at most; of more VMs each pings its nearest neighbours only. */
const MOST_PINGS = 400;

interface Running {
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  readonly address: string;
  readonly pings: Pings;
  /** The counts of the last seconds, the oldest first. */
  readonly past: { readonly sent: number; readonly lost: number }[];
}

/** Which pairs are pinged: each once, the first of the two pings. With too many VMs, only those that follow each other closely. */
export function pairsOf(names: readonly string[]): readonly (readonly [string, string])[] {
  const reach = Math.max(1, Math.floor(MOST_PINGS / (FAMILIES.length * Math.max(1, names.length))));
  return names.flatMap((from, i) => names.slice(i + 1, i + 1 + reach).map((to) => [from, to] as const));
}

/** Pings between all VMs of a lab, that follow what VMs there are. */
export class PingBoard {
  readonly #lab: Lab;
  #running = new Map<string, Running>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Starts what is missing, ends what is not wanted any more, and what gave up. */
  async follow(targets: readonly Target[]): Promise<void> {
    const wanted = new Map<string, Omit<Running, "pings" | "past">>();
    const addressesOf = new Map(targets.map(({ name, addresses }) => [name, addresses]));
    for (const [from, to] of pairsOf(targets.map(({ name }) => name)))
      for (const family of FAMILIES) {
        const address = addressesOf.get(to)?.find((one) => isIP(one) === family);
        const canAsk = addressesOf.get(from)?.some((one) => isIP(one) === family);
        if (address !== undefined && canAsk) wanted.set(`${from} ${to} ${address}`, { from, to, family, address });
      }
    const over = [...this.#running].filter(([key, { pings }]) => !wanted.has(key) || statsOf(pings)?.error !== null);
    for (const [key] of over) this.#running.delete(key);
    await Promise.all(over.map(([, { pings }]) => pings.stop()));
    const missing = [...wanted].filter(([key]) => !this.#running.has(key));
    await Promise.all(missing.map(async ([key, pair]) => this.#start(key, pair)));
    this.#running = new Map([...wanted.keys()].flatMap((key) => this.#entry(key)));
  }

  #entry(key: string): [string, Running][] {
    const running = this.#running.get(key);
    return running === undefined ? [] : [[key, running]];
  }

  async #start(key: string, pair: Omit<Running, "pings" | "past">): Promise<void> {
    try {
      const pings = await startPings(this.#lab, [{ from: pair.from, to: pair.address }], { intervalMs: INTERVAL_MS });
      this.#running.set(key, { ...pair, pings, past: [] });
    } catch (error) {
      // The VM went away since it was listed: the next look sees that.
      if (!(error instanceof LabError && error.code === "unknown")) throw error;
    }
  }

  /** How many pairs have had an answer, of how many. */
  answered(): { readonly answered: number; readonly pairs: number } {
    const all = [...this.#running.values()];
    return { answered: all.filter(({ pings }) => (statsOf(pings)?.received ?? 0) > 0).length, pairs: all.length };
  }

  /** Ends one second of the window that losses are counted in. */
  tick(): void {
    for (const { pings, past } of this.#running.values()) {
      const stats = statsOf(pings);
      if (stats === undefined) continue;
      past.push({ sent: stats.sent, lost: stats.lost });
      if (past.length > WINDOW_SECONDS) past.shift();
    }
  }

  pairs(): readonly PairView[] {
    return [...this.#running.values()].map(({ from, to, family, pings, past }) => {
      const now = statsOf(pings);
      const before = past[0] ?? { sent: 0, lost: 0 };
      const sent = (now?.sent ?? 0) - before.sent;
      const lost = (now?.lost ?? 0) - before.lost;
      // Answers that come late take back a loss that was counted: never less than none.
      const recentLoss = sent > 0 ? Math.max(0, lost / sent) : null;
      return { from, to, family, rttMs: now?.rttMs.last ?? null, recentLoss };
    });
  }

  totals(): readonly Totals[] {
    return FAMILIES.map((family) => {
      const all = [...this.#running.values()]
        .filter((running) => running.family === family)
        .map(({ pings }) => statsOf(pings))
        .filter((stats) => stats !== undefined);
      const sum = (count: (stats: PingStats) => number) => all.reduce((total, stats) => total + count(stats), 0);
      const received = sum((stats) => stats.received);
      const time = sum((stats) => (stats.rttMs.average ?? 0) * stats.received);
      const averageMs = received === 0 ? null : time / received;
      return { family, pairs: all.length, sent: sum((s) => s.sent), lost: sum((s) => s.lost), averageMs };
    });
  }

  async stop(): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(all.map(({ pings }) => pings.stop()));
  }
}

/** Each runs one pair. */
function statsOf(pings: Pings): PingStats | undefined {
  return pings.stats()[0];
}
