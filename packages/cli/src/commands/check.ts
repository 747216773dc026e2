import { randomInt } from "node:crypto";
import { Engine } from "@dragonflow/neutron-api";
import { lasting } from "../check/difference.ts";
import { lookOnce, type Pass } from "../check/pass.ts";
import { reportLines } from "../check/report.ts";
import { EXIT } from "../errors.ts";
import { namesInStore } from "../introspection/object-names.ts";
import { Respondents } from "../introspection/respondents.ts";
import { openStore, type StoreSelection } from "../introspection/store.ts";
import { print, printJson } from "../output.ts";
import { paletteOf } from "../screen/palette.ts";
import { Progress } from "../screen/progress.ts";

export interface CheckOptions extends StoreSelection {
  readonly socket?: string;
  readonly sample?: number;
  readonly seed?: number;
  readonly json: boolean;
}

/** A cloud that is in use changes while it is looked at: what is there at each of these looks was not on its way. */
const LOOKS = 3;
const SEEDS = 1_000_000_000;

/** Audits the whole cloud, and changes nothing. Ends with 1 when something is not as it shall be. */
export async function check(options: CheckOptions): Promise<void> {
  const progress = new Progress();
  await using store = await openStore(options);
  await using respondents = await Respondents.open(store, options);
  const engine = new Engine(store.driver);
  const { sample, seed = randomInt(SEEDS) } = options;
  const sampled = sample === undefined ? {} : { sample: { pairs: sample, seed } };
  const subject = { driver: store.driver, state: async () => engine.read(), respondents, ...sampled };
  try {
    let pass: Pass = await lookOnce(subject, progress);
    for (let look = 2; look <= LOOKS && pass.differences.length > 0; look++) {
      progress.note(`${pass.differences.length} not as it shall be: looking again, ${look} of ${LOOKS}`);
      const next = await lookOnce(subject, progress);
      pass = { ...next, differences: lasting(pass.differences, next.differences) };
    }
    if (pass.differences.length > 0) process.exitCode = EXIT.failed;
    const shown = sample === undefined ? undefined : seed;
    if (options.json) printJson({ clean: pass.differences.length === 0, seed: shown ?? null, ...pass });
    else print(reportLines(pass, shown, namesInStore(engine.state), paletteOf(process.stdout)).join("\n"));
  } finally {
    await engine.close();
  }
}
