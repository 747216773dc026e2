import type { SwitchDriver } from "../switch/driver.ts";
import { within } from "./until.ts";

/** Waits until the driver says that a change is in the switch. */
export async function applied(driver: SwitchDriver, change: number): Promise<void> {
  const done = Promise.withResolvers<void>();
  const onApplied = (reached: number): void => {
    if (reached >= change) done.resolve();
  };
  driver.on("applied", onApplied);
  await within(`change ${change} is applied`, done.promise);
  driver.off("applied", onApplied);
}
