import { encodeMessage } from "@dragonflow/openflow";
import { addition, packFlow, pipeline } from "@dragonflow/controller";
import { Writer } from "@dragonflow/wire";
import { type Case, figure } from "../measure.ts";
import { arrived, newEngine, oneHost } from "../topology.ts";

const FLOWS = 200_000;
const PER_PORT = 6;

export const compile: Case = {
  name: "compile",
  section: "Parts",
  about: "200,000 flows compiled from rows and encoded as flow-mods",
  async run(report) {
    const rows = oneHost(FLOWS / PER_PORT);
    const partitions = arrived(rows);
    const times: number[] = [];
    const memory: number[] = [];
    let flows = 0;
    for (let run = 0; run < 5; run++) {
      globalThis.gc?.();
      const before = process.memoryUsage.rss();
      const started = performance.now();
      const engine = newEngine();
      const delta = engine.apply(rows, partitions);
      const arena = new Writer(64 * 1024 * 1024);
      flows = 0;
      const binding = { group: () => 1, meter: () => 1, zone: () => 1 };
      for (const desired of delta.set.values()) {
        if (desired.type !== "flow") continue;
        encodeMessage(arena, ++flows, addition(packFlow(desired, pipeline, binding)));
      }
      times.push(performance.now() - started);
      memory.push((process.memoryUsage.rss() - before) / 2 ** 20);
      report(`${flows} flows, ${(arena.length / 2 ** 20).toFixed(1)} MB of flow-mods, ${times.at(-1)?.toFixed(0)} ms`);
    }
    return [
      figure("flows", "count", [flows]),
      figure("rows to flow-mods", "ms", times, { bound: 2000 }),
      figure("memory, first run in the process", "MB", memory.slice(0, 1), { bound: 400 }),
    ];
  },
};
