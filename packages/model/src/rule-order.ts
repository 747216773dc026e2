/**
 * Which rule counts. The rules of a port are a set: a packet passes if any of them lets it. The one that counts, in statistics and in explanations,
 * is the last in the order of {@link compareRules}. The order has to do with nothing but the rules' ids, so that every host and every program sees
 * the same one, and a rule that comes or goes changes the place of no other.
 */

/** 13 bits: a host has room for that many levels of rules, times those that share one. */
export const RULE_HASH_BITS = 13;
const MASK = (1 << RULE_HASH_BITS) - 1;

const encoder = new TextEncoder();

/** Of a rule's id, 0..8191: FNV-1a, 64 bits, of its UTF-8 bytes, folded by exclusive or. Pure. */
export function ruleHash(id: string): number {
  // The prime is 2^40 + 0x1b3: both halves of the product stay exact integers.
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of encoder.encode(id)) {
    low = (low ^ byte) >>> 0;
    const product = low * 0x1b3;
    high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + (low & 0xffffff) * 2 ** 8) % 2 ** 32;
    low = product % 2 ** 32;
  }
  return (low ^ (low >>> 13) ^ ((low >>> 26) | (high << 6)) ^ (high >>> 7) ^ (high >>> 20)) & MASK;
}

interface HasId {
  readonly id: string;
}

/** Order of rules, by (hash, id), for `Array.sort`: of several that let a packet pass, the **last** one counts. Zero only for the same id. */
export function compareRules(a: HasId, b: HasId): number {
  const byHash = ruleHash(a.id) - ruleHash(b.id);
  if (byHash !== 0) return byHash;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
