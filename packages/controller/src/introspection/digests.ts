import { OwnerDigests } from "@dragonflow/pipeline";
import { type Compiled, isDesired } from "../dispatch.ts";

/** Between two parts of a hundred thousand the controller does its work; what changes meanwhile may be seen or not. */
const AT_ONCE = 1000;

/** What each object caused in what is desired of this host: see {@link OwnerDigests}. */
export async function digestsOf(engine: {
  outputs(): Iterable<readonly [string, Compiled]>;
}): Promise<Readonly<Record<string, string>>> {
  const digests = new OwnerDigests();
  let count = 0;
  for (const [, output] of engine.outputs()) {
    if (isDesired(output)) digests.add(output);
    if (++count % AT_ONCE === 0) await new Promise(setImmediate);
  }
  return digests.toObject();
}
