import { createHash } from "node:crypto";
import type { Pair } from "./reachability.ts";

/** Every ordered pair of different ports, one after another: there may be a hundred million. */
export function* allPairs(ids: readonly string[]): Generator<Pair> {
  for (const from of ids) for (const to of ids) if (to !== from) yield { from, to };
}
export const pairCount = (ids: readonly string[]): number => ids.length * Math.max(0, ids.length - 1);

/** So many of them, each once; the same for the same seed and the same ports. All where there are no more. Pure. */
export function samplePairs(ids: readonly string[], size: number, seed: number): Iterable<Pair> {
  const n = ids.length;
  if (size >= pairCount(ids)) return allPairs(ids);
  const random = numbers(seed);
  const chosen = new Map<number, Pair>();
  while (chosen.size < size) {
    const [a, b] = [Math.floor(random() * n), Math.floor(random() * n)];
    const [from, to] = [ids[a], ids[b]];
    if (a !== b && from !== undefined && to !== undefined) chosen.set(a * n + b, { from, to });
  }
  return chosen.values();
}

/** Uniform in 0..1, of 32 bits each: the same everywhere. */
function numbers(seed: number): () => number {
  let n = 0;
  return () => createHash("sha256").update(`${seed} ${n++}`).digest().readUInt32BE() / 2 ** 32;
}
