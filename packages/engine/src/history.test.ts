import { test } from "node:test";
import fc from "fast-check";
import { checkApp } from "./check.ts";
import type { RowChange } from "./define.ts";
import { attachment, cloud, endpoint, flowOutput, isRoot, localPort, network, plug, port, router } from "./fixture.ts";
import type { State } from "./simulated-host.ts";

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const chassis = fc.constantFrom("host1", "h1", "h2");
const mac = fc.constantFrom("ma", "mb", "mc", "bad");

const change: fc.Arbitrary<RowChange> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(small(3), small(2), fc.constantFrom(1400, 1500)).map((a) => network(...a)) },
  { weight: 6, arbitrary: fc.tuple(small(5), small(3), mac, chassis).map((a) => port(...a)) },
  { weight: 3, arbitrary: fc.tuple(small(3), small(3), small(1)).map((a) => attachment(...a)) },
  {
    weight: 3,
    arbitrary: fc.tuple(small(1), fc.uniqueArray(small(3), { maxLength: 3 }), fc.boolean()).map((a) => router(...a)),
  },
  { weight: 4, arbitrary: fc.tuple(small(2), small(3)).map((a) => localPort(...a)) },
  { weight: 2, arbitrary: fc.tuple(small(3), small(2)).map((a) => plug(...a)) },
  { weight: 1, arbitrary: fc.tuple(chassis, fc.constantFrom("192.0.2.1", "192.0.2.2")).map((a) => endpoint(...a)) },
);
const state: fc.Arbitrary<State> = fc.uniqueArray(change, {
  minLength: 6,
  maxLength: 40,
  size: "max",
  selector: ({ table, partition, id }) => `${table.name} ${partition} ${id}`,
});

test("random histories: incremental is from scratch, with the interest of one host", () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 4 }), (states) => {
      checkApp(cloud, states, { output: flowOutput, roots: isRoot, faults: "allowed" });
    }),
    { numRuns: 60 },
  );
});

test("random histories: incremental is from scratch, with everything delivered", () => {
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 4 }), (states) => {
      checkApp(cloud, states, { output: flowOutput, faults: "allowed" });
    }),
    { numRuns: 60 },
  );
});
