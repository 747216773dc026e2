import type { FoldingState } from "./folding/folding.ts";
import { LEASE_TOPIC, type StoreDriver, StoreError } from "@dragonflow/store";

/** How long the store may take to answer before it counts as out of reach. */
const PATIENCE_MILLISECONDS = 1000;

/** Body of `GET /healthz`: 200 while the store answers, else 503. */
export interface Health {
  readonly store: "ok" | "unreachable";
  readonly folding: FoldingState;
}

export async function healthOf(driver: StoreDriver, folding: FoldingState): Promise<Health> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new StoreError("unavailable", "no answer")), PATIENCE_MILLISECONDS);
  try {
    await Promise.race([driver.head(LEASE_TOPIC), late]);
    return { store: "ok", folding };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { store: "unreachable", folding };
  } finally {
    clearTimeout(timer);
  }
}
