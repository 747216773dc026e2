import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { dispatch, pipeline, SwitchDriver } from "@dragonflow/controller";
import { startSwitch } from "@dragonflow/openflow/testing";
import { type Case, figure } from "../measure.ts";
import { arrived, newEngine, oneHost } from "../topology.ts";

const FLOWS = 100_000;
const RUNS = 5;

export const install: Case = {
  name: "install",
  section: "Parts",
  about:
    "100,000 flows into a real vswitchd up to the barrier, in alternation with ovs-ofctl --bundle add-flows of the same flows",
  async run(report) {
    const rows = oneHost(Math.ceil(FLOWS / 6));
    const updates = dispatch(newEngine().apply(rows, arrived(rows))).switch;
    const ours: number[] = [];
    const theirs: number[] = [];
    let flows = 0;
    for (let run = 0; run < RUNS; run++) {
      await using ovs = await startSwitch();
      const driver = new SwitchDriver(`unix:${ovs.bridgeSocket}`, pipeline);
      await once(driver, "connected");
      driver.update(updates);
      const started = performance.now();
      driver.release();
      await once(driver, "synced");
      ours.push(performance.now() - started);
      flows = driver.counters.flowMods;
      const file = join(ovs.dir, "flows.txt");
      // Without statistics, and without what the groups need: the text that ovs-ofctl reads back in.
      const dump = (await ovs.ofctl("--no-stats", "--no-names", "dump-flows", ovs.bridge))
        .split("\n")
        .filter((line) => line.includes("actions=") && !line.includes("group:"));
      writeFileSync(file, dump.map((line) => line.trim()).join("\n"));
      driver.close();
      await ovs.ofctl("del-flows", ovs.bridge);
      const before = performance.now();
      await ovs.ofctl("--bundle", "add-flows", ovs.bridge, file);
      theirs.push(performance.now() - before);
      report(`ours ${ours.at(-1)?.toFixed(0)} ms, ovs-ofctl ${theirs.at(-1)?.toFixed(0)} ms for ${flows} flows`);
    }
    return [
      figure("flows", "count", [flows]),
      figure("Dragonflow: read back, encode, bundle, barrier", "ms", ours),
      figure("ovs-ofctl --bundle add-flows (whole process)", "ms", theirs),
      figure(
        "ratio, run by run",
        "ratio",
        ours.map((value, i) => value / (theirs[i] ?? 1)),
        { bound: 1 },
      ),
    ];
  },
};
