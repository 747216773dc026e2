/**
 * The conformance suite: the same list for every driver, direct and through the relay. A driver's test is its name and how to open it; what it cannot
 * do is in its capabilities, which the tests hold it to.
 */
import { after, before, describe } from "node:test";
import { commitTests } from "./commits.ts";
import { faultTests } from "./faults.ts";
import { type Bench, freshTopics, type Harness } from "./harness.ts";
import { leaseTests } from "./leases.ts";
import { recoveryTests } from "./recovery.ts";
import { scaleTests } from "./scale.ts";
import { watchTests } from "./watches.ts";

export {
  contents,
  type Faults,
  freshTopics,
  type Harness,
  Observer,
  observe,
  port,
  positionIn,
  put,
  remove,
  text,
  within,
  write,
} from "./harness.ts";
export { ManualClock } from "./manual-clock.ts";

/** @param open makes one store that the tests share; each uses topics of its own. */
export function conformance(name: string, open: () => Promise<Harness>): void {
  describe(`${name} keeps the store contract`, () => {
    let opened: Harness | undefined;
    const bench: Bench = {
      harness() {
        if (opened === undefined) throw new Error("the store is not open yet");
        return opened;
      },
      topics: freshTopics,
      full: process.env["DRAGONFLOW_FULL"] === "1",
    };
    before(async () => {
      opened = await open();
    });
    after(async () => {
      await opened?.[Symbol.asyncDispose]();
    });
    commitTests(bench);
    watchTests(bench);
    scaleTests(bench);
    leaseTests(bench);
    faultTests(bench);
    recoveryTests(bench);
  });
}
