import { createHash } from "node:crypto";
import type { Pair } from "./reachability.ts";

/** Every ordered pair of different ports. */
export function allPairs(ids: readonly string[]): readonly Pair[] {
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => ({ from, to })));
}

/** So many of them, each once; the same for the same seed and the same ports. All where there are no more. Pure. */
export function samplePairs(ids: readonly string[], size: number, seed: number): readonly Pair[] {
  const n = ids.length;
  if (size >= n * (n - 1)) return allPairs(ids);
  const random = numbers(seed);
  const chosen = new Map<number, Pair>();
  while (chosen.size < size) {
    const [a, b] = [Math.floor(random() * n), Math.floor(random() * n)];
    const [from, to] = [ids[a], ids[b]];
    if (a !== b && from !== undefined && to !== undefined) chosen.set(a * n + b, { from, to });
  }
  return [...chosen.values()];
}

/** Uniform in 0..1, of 32 bits each: the same everywhere. */
function numbers(seed: number): () => number {
  let n = 0;
  return () => createHash("sha256").update(`${seed} ${n++}`).digest().readUInt32BE() / 2 ** 32;
}
