import { port } from "@dragonflow/pipeline/testing";
import { type Case, figure } from "../measure.ts";
import { arrived, newEngine, oneHost } from "../topology.ts";

export const units: Case = {
  name: "units",
  section: "Parts",
  about: "one port changed among 100 and among 100,000: units run, flows changed, time",
  async run(report) {
    const results = [];
    for (const size of [100, 100_000]) {
      const rows = oneHost(size);
      const engine = newEngine();
      engine.apply(rows, arrived(rows));
      const times: number[] = [];
      let ran = 0;
      let changed = 0;
      for (let run = 0; run < 41; run++) {
        const started = performance.now();
        // The port is taken down and put up in turn.
        const delta = engine.apply(port({ n: 66, network: 1, chassis: "host2", adminUp: run % 2 === 1 }));
        times.push(performance.now() - started);
        ran = delta.unitsRun;
        changed = delta.set.size + delta.removed.size;
      }
      report(`${size} ports: ${ran} units, ${changed} outputs`);
      results.push(
        figure(`units run, ${size} ports`, "count", [ran]),
        figure(`outputs changed, ${size} ports`, "count", [changed]),
        figure(`batch, ${size} ports`, "ms", times),
      );
    }
    return results;
  },
};
