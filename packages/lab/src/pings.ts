/** Long-running pings between VMs, counted while they run: for the live table, and for "not one packet was lost". */
import { spawn } from "node:child_process";
import { isIP } from "node:net";
import { createInterface } from "node:readline";
import { LabError } from "./errors.ts";
import type { Lab } from "./names.ts";
import { readReadyState, vmOf } from "./state.ts";
import { addressesIn } from "./status.ts";
import { inNamespace, processEnd, together, toolEnvironment } from "./tool.ts";

/** `to`: a VM, whose first address of the family is taken, or an address. */
export type PingPair = { readonly from: string; readonly to: string };

export type PingOptions = {
  /** Between two requests of one pair; 1000 unless told, 2 at least. */
  readonly intervalMs?: number;
  /** Which address of a VM; 4 unless told. */
  readonly family?: 4 | 6;
};

export type PingStats = {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  /** Requests whose fate is known, or that a later one has overtaken. */
  readonly sent: number;
  readonly received: number;
  /** While pings run, requests whose answer is still under way count too; after `stop` they do not. */
  readonly lost: number;
  /** Null until the first answer. */
  readonly rttMs: { readonly last: number | null; readonly average: number | null };
  /** Why ping gave up, in its own words. */
  readonly error: string | null;
};

export type Pings = {
  /** In the order of the pairs. */
  stats(): PingStats[];
  /** @returns whether `test` held before `timeoutMs` had passed; it is tried after every answer. */
  waitFor(test: (stats: PingStats[]) => boolean, timeoutMs: number): Promise<boolean>;
  /** Ends the pings. An answer that is still under way is waited for, for up to a second: it is not lost yet. */
  stop(): Promise<PingStats[]>;
};

const ANSWER_LINGER_MS = 1000;
const SEQUENCE_BITS = 16;

/** Counts what ping(8) prints with `-O`. Sequence numbers start at 1 and wrap at 16 bits (RFC 792). */
export class PingCount {
  /** The latest request that is known to have been sent. */
  highest = 0;
  last: number | null = null;
  private answers = 0;
  private total = 0;
  private readonly missing = new Set<number>();

  line(line: string): void {
    const silent = /no answer yet for icmp_seq=(\d+)/.exec(line)?.[1];
    if (silent !== undefined) this.reach(this.unwrap(Number(silent)) + 1);
    const answer = /bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms/.exec(line);
    if (answer?.[1] === undefined || answer[2] === undefined) return;
    const sequence = this.unwrap(Number(answer[1]));
    this.reach(sequence);
    if (sequence > this.highest) this.highest = sequence;
    else if (!this.missing.delete(sequence)) return; // a duplicate
    this.last = Number(answer[2]);
    this.answers += 1;
    this.total += this.last;
  }

  get average(): number | null {
    return this.answers === 0 ? null : this.total / this.answers;
  }

  /** Requests up to this one that have no answer. */
  lost(upTo = this.highest): number {
    if (upTo >= this.highest) return this.missing.size;
    return [...this.missing].filter((sequence) => sequence <= upTo).length;
  }

  /** All requests before this one have been sent. */
  private reach(sequence: number): void {
    while (this.highest + 1 < sequence) this.missing.add(++this.highest);
  }

  /** The number nearest to the highest one that has these low bits. */
  private unwrap(sequence: number): number {
    const shift = 32 - SEQUENCE_BITS;
    return this.highest + (((sequence - this.highest) << shift) >> shift);
  }
}

/** @throws {LabError} `unknown` for a VM that is not there or has no address of the family */
export async function startPings(lab: Lab, pairs: readonly PingPair[], options: PingOptions = {}): Promise<Pings> {
  const { intervalMs = 1000, family = 4 } = options;
  if (!(intervalMs >= 2)) throw new LabError("bad-value", `ping interval ${intervalMs} ms: 2 at least`);
  const state = await readReadyState(lab);
  const addressOf = async (to: string): Promise<string> => {
    if (isIP(to) !== 0) return to;
    const address = (await addressesIn(vmOf(state, to).namespace)).find((candidate) => isIP(candidate) === family);
    if (address === undefined) throw new LabError("unknown", `VM "${to}" has no IPv${family} address`);
    return address;
  };
  const targets = await together(
    pairs.map(async (pair) => ({
      ...pair,
      namespace: vmOf(state, pair.from).namespace,
      address: await addressOf(pair.to),
    })),
  );

  const watchers = new Set<() => void>();
  const notify = () => {
    for (const watcher of watchers) watcher();
  };
  const running = targets.map((target) => startPing(target, intervalMs, notify));
  const stats = () => running.map((ping) => ping.stats());
  const waitFor = async (test: (stats: PingStats[]) => boolean, timeoutMs: number): Promise<boolean> => {
    if (test(stats())) return true;
    return new Promise((resolve) => {
      const finish = (held: boolean) => {
        clearTimeout(timer);
        watchers.delete(watcher);
        resolve(held);
      };
      const watcher = () => {
        if (test(stats())) finish(true);
      };
      const timer = setTimeout(() => finish(false), timeoutMs);
      watchers.add(watcher);
    });
  };
  const stop = async () => {
    for (const ping of running) ping.fix();
    await waitFor((now) => now.every(({ lost, error }) => lost === 0 || error !== null), ANSWER_LINGER_MS);
    await together(running.map((ping) => ping.end()));
    return stats();
  };
  return { stats, waitFor, stop };
}

function startPing(
  target: PingPair & { readonly namespace: string; readonly address: string },
  intervalMs: number,
  notify: () => void,
) {
  const { from, to, address, namespace } = target;
  const pace = ["-n", "-D", "-O", "-i", String(intervalMs / 1000)];
  const [file, ...args] = inNamespace(namespace, ["ping", ...pace, address]);
  // A group of its own: Ctrl-C reaches whoever started the pings, and that one ends them.
  const child = spawn(file, args, { env: toolEnvironment(), stdio: ["ignore", "pipe", "pipe"], detached: true });
  const count = new PingCount();
  let complaint: string | null = null;
  let error: string | null = null;
  /** Requests after this one no longer count. */
  let limit = Number.POSITIVE_INFINITY;
  createInterface({ input: child.stdout }).on("line", (line) => {
    count.line(line);
    notify();
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    complaint = line;
  });
  const ended = processEnd(child).then(
    ({ status, signal }) => {
      if (limit === Number.POSITIVE_INFINITY) error = complaint ?? `ping ended: ${signal ?? `exit ${status}`}`;
      notify();
    },
    (reason: unknown) => {
      error = String(reason);
      notify();
    },
  );
  return {
    stats: (): PingStats => {
      const sent = Math.min(limit, count.highest);
      const lost = count.lost(sent);
      return {
        from,
        to,
        address,
        sent,
        received: sent - lost,
        lost,
        rttMs: { last: count.last, average: count.average },
        error,
      };
    },
    fix: () => {
      limit = count.highest;
    },
    end: async () => {
      child.kill("SIGINT");
      await ended;
    },
  };
}
