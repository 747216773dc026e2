/** Whatever happened, and whenever: what is in the switch follows from what is desired. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { output } from "@dragonflow/pipeline";
import { applied } from "../testing/applied.ts";
import { Proxy } from "../testing/proxy.ts";
import {
  group,
  limit,
  ownerOf,
  put,
  range,
  refusedSteps,
  take,
  toyFlow,
  toyGroup,
  toyMeter,
  toyPipeline,
} from "../testing/toy.ts";
import { within } from "../testing/until.ts";
import { SwitchDriver } from "./driver.ts";
import type { SwitchDesired } from "./plan.ts";

let ovs: TestSwitch;
let proxy: Proxy;
let other: OpenFlowSocket;
before(async () => {
  ovs = await startSwitch();
  proxy = await Proxy.open(join(ovs.dir, "proxy.sock"), ovs.bridgeSocket);
  other = await connect(ovs.bridge);
});
after(async () => {
  other.close();
  await proxy.close();
  await ovs.stop();
});

const NAMES = ["a", "b", "c"] as const;
const FLOWS = range(1, 5);

const flowSpec = fc.record({
  groups: fc.subarray([...NAMES]),
  meter: fc.option(fc.constantFrom(...NAMES)),
  isRefused: fc.boolean(),
});
const stateSpec = fc.record({
  groups: fc.dictionary(fc.constantFrom(...NAMES), fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 4 })),
  meters: fc.dictionary(fc.constantFrom(...NAMES), fc.integer({ min: 1, max: 3 })),
  flows: fc.dictionary(fc.constantFrom(...FLOWS.map(String)), flowSpec),
  /** Flows that make a plan large: they go in a bundle. */
  isLarge: fc.boolean(),
});
type StateSpec = Parameters<typeof itemsOf>[0];
/** What happens after a state was declared. */
const event = fc.constantFrom("next", "applied", "resync", "cut", "restart", "deleted by somebody");

function itemsOf(spec: {
  readonly groups: Readonly<Record<string, readonly number[]>>;
  readonly meters: Readonly<Record<string, number>>;
  readonly flows: Readonly<
    Record<string, { readonly groups: readonly string[]; readonly meter: string | null; readonly isRefused: boolean }>
  >;
  readonly isLarge: boolean;
}): readonly SwitchDesired[] {
  return [
    ...Object.entries(spec.groups).map(([name, buckets]) => toyGroup(name, buckets)),
    ...Object.entries(spec.meters).map(([name, rate]) => toyMeter(name, rate)),
    ...Object.entries(spec.flows).map(([n, { groups, meter, isRefused }]) =>
      toyFlow(Number(n), [
        ...(meter === null ? [] : [limit(meter)]),
        ...groups.map(group),
        ...(isRefused ? refusedSteps : []),
      ]),
    ),
    ...(spec.isLarge ? range(1000, 100).map((n) => toyFlow(n, [output(2)], ownerOf(1))) : []),
  ];
}

/** What shall be in the switch, by input port: the rate of its meter, and the buckets of its groups. */
function expected({ groups, meters, flows }: StateSpec): ReadonlyMap<number, unknown> {
  const isThere = ({ groups: used, meter, isRefused }: (typeof flows)[string]): boolean =>
    !isRefused && used.every((name) => groups[name] !== undefined) && (meter === null || meters[meter] !== undefined);
  return new Map(
    Object.entries(flows).flatMap(([n, flow]) => {
      if (!isThere(flow)) return [];
      const buckets = flow.groups.map((name) => groups[name]?.toSorted((a, b) => a - b));
      return [[Number(n), { rate: flow.meter === null ? undefined : meters[flow.meter], buckets }] as const];
    }),
  );
}

async function actual(): Promise<{
  flows: ReadonlyMap<number, unknown>;
  bulk: number;
  groups: number;
  meters: number;
}> {
  const [flows, groups, meters] = await Promise.all([
    other.request({ type: "flow_desc_request", match: {} }),
    other.request({ type: "group_desc_request" }),
    other.request({ type: "meter_desc_request" }),
  ]);
  const rates = new Map(meters.entries.map(({ meter, bands }) => [meter, bands[0]?.rate]));
  const buckets = new Map(
    groups.entries.map(({ group: number, buckets: list }) => [
      number,
      list
        .flatMap(({ actions }) => actions.flatMap((a) => (a.type === "output" ? [a.port] : [])))
        .toSorted((a, b) => a - b),
    ]),
  );
  const found = new Map<number, unknown>();
  let bulk = 0;
  for (const { match, instructions } of flows.entries) {
    if (typeof match.in_port !== "number") continue;
    if (match.in_port >= 1000) bulk++;
    if (match.in_port >= 1000) continue;
    const actions = instructions.apply ?? [];
    const meter = actions.flatMap((a) => (a.type === "meter" ? [rates.get(a.meter)] : []))[0];
    found.set(match.in_port, {
      rate: meter,
      buckets: actions.flatMap((a) => (a.type === "group" ? [buckets.get(a.group)] : [])),
    });
  }
  return { flows: found, bulk, groups: groups.entries.length, meters: meters.entries.length };
}

test("any history ends in what is desired (property)", async () => {
  const history = fc.array(fc.tuple(stateSpec, event), { minLength: 1, maxLength: 6 });
  const property = fc.asyncProperty(history, async (steps) => {
    let driver = new SwitchDriver(proxy.address, toyPipeline);
    driver.release();
    let held: readonly SwitchDesired[] = [];
    let change = 0;
    try {
      for (const [spec, then] of steps) {
        const items = itemsOf(spec);
        const keys = new Set(items.map(({ key }) => key));
        change = driver.update([...take(...held.filter(({ key }) => !keys.has(key))), ...put(...items)]);
        held = items;
        switch (then) {
          case "next":
            break;
          case "applied":
            await applied(driver, change);
            break;
          case "resync":
            driver.resync();
            break;
          case "cut":
            proxy.cut();
            await new Promise(setImmediate);
            break;
          case "restart":
            driver.close();
            driver = new SwitchDriver(proxy.address, toyPipeline);
            change = driver.update(put(...held));
            driver.release();
            break;
          case "deleted by somebody":
            await other.apply([
              { type: "flow_mod", command: "delete", table: 0, priority: 0, cookie: 0n, match: {}, instructions: {} },
            ]);
            driver.resync();
        }
      }
      const [last] = steps.at(-1) ?? assert.fail();
      const refused = Object.keys(last.flows).length - expected(last).size;
      await applied(driver, driver.update([]));
      // A read-back that was asked for meanwhile forgets what was refused until it has tried again.
      while (!driver.synced) await within("it settles", once(driver, "applied"));
      const groups = Object.keys(last.groups).length;
      const meters = Object.keys(last.meters).length;
      const bulk = last.isLarge ? 100 : 0;
      assert.deepEqual(await actual(), { flows: expected(last), bulk, groups, meters });
      assert.equal(driver.refused.size, refused);
      // And it is known to be so: nothing is left to do.
      const { flowMods, groupMods, meterMods } = driver.counters;
      const synced = once(driver, "synced");
      driver.resync();
      await within("it is read back", synced);
      const after = driver.counters;
      assert.deepEqual([after.groupMods - groupMods, after.meterMods - meterMods], [0, 0]);
      // Refused flows are tried again, but for those that cannot be sent.
      assert.ok(after.flowMods - flowMods <= refused);
    } finally {
      driver.close();
    }
  });
  await fc.assert(property, { numRuns: 150 });
});
