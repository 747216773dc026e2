import { createHash } from "node:crypto";
import type { Desired, Owner } from "./desired.ts";
import type { Step } from "./steps.ts";

/** An owner in one line: `l2 port 8f1c...`. */
export const ownerKey = ({ app, kind, id }: Owner): string => `${app} ${kind} ${id}`;

const MASK = 0xffffffffffffffffn;

/** What each owner desires, in 64 bits: two programs that compiled the same have the same, in whatever order they say it. */
export class OwnerDigests {
  readonly #sums = new Map<string, bigint>();

  /** Flows and groups; the rest has no owner. */
  add(desired: Desired): void {
    if (desired.type !== "flow" && desired.type !== "group") return;
    const owner = ownerKey(desired.owner);
    // A sum does not depend on the order, and what is there twice does not cancel out.
    this.#sums.set(owner, ((this.#sums.get(owner) ?? 0n) + hashOf(desired)) & MASK);
  }

  /** By {@link ownerKey}, 16 hexadecimal digits. */
  toObject(): Readonly<Record<string, string>> {
    return Object.fromEntries(Array.from(this.#sums, ([owner, sum]) => [owner, sum.toString(16).padStart(16, "0")]));
  }
}

function hashOf(desired: Extract<Desired, { readonly type: "flow" | "group" }>): bigint {
  // Which of its buckets comes first makes no difference to a group.
  const does =
    desired.type === "flow"
      ? textOf(desired.steps)
      : desired.buckets
          .map(({ id, steps }) => `${id} ${textOf(steps)}`)
          .sort()
          .join("\n");
  return createHash("sha256").update(`${desired.key}\n${does}`).digest().readBigUInt64BE();
}

function textOf(steps: readonly Step[]): string {
  return JSON.stringify(
    steps.map((step) => ("target" in step ? { ...step, target: step.target.name } : step)),
    (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value),
  );
}
