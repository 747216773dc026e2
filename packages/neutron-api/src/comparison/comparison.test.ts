import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { withServer } from "../testing/server.ts";
import { type Outcome, runCalls } from "./call.ts";
import { ALL_CALLS } from "./calls.ts";
import { differences } from "./compare.ts";
import { DIFFERENCES, UNKNOWN_KEYS } from "./differences.ts";

interface Recording {
  readonly server: string;
  readonly outcomes: readonly Outcome[];
}
const recording: Recording = JSON.parse(readFileSync(new URL("../recordings/neutron.json", import.meta.url), "utf8"));
const unknownKeys = new Set(Object.keys(UNKNOWN_KEYS));
const allowed = new Set(DIFFERENCES.flatMap((d) => d.calls));

test("answers what the recorded Neutron answered", async (t) => {
  // Configured as the recorded server was.
  const quotas = { network: 500, subnet: 500, port: 2000, router: 100, security_group: 200, security_group_rule: 1000 };
  await withServer({ dnsDomain: "example.test.", maxRoutes: 60, quotas }, async (server) => {
    const outcomes = await runCalls(ALL_CALLS, async (method, path, body, headers) => {
      const { status, raw } = await server.request(method, path, body, headers);
      return { status, text: raw };
    });
    const names = (list: readonly Outcome[]) => list.map((o) => o.name);
    assert.deepEqual(names(outcomes), names(recording.outcomes), "the calls are those that were recorded");

    const unexplained: string[] = [];
    const gone = new Set(allowed);
    for (const [i, ours] of outcomes.entries()) {
      const found = differences(ours, recording.outcomes[i], unknownKeys);
      if (found.length > 0 && !gone.delete(ours.name)) unexplained.push(`${ours.name}\n    ${found.join("\n    ")}`);
    }
    t.diagnostic(`${outcomes.length} calls, ${allowed.size} of them known to differ; recorded: ${recording.server}`);
    assert.deepEqual(unexplained, [], "differences that are not explained");
    assert.deepEqual([...gone], [], "explained differences that there are not");
  });
});
