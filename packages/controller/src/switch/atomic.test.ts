/**
 * Behind a restart of vswitchd a packet meets none of the pipeline or all of it, and never a part of a change. Neither does whoever reads the switch
 * back, whenever the controller dies.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { type DesiredFlow, defineFlowTable, flow, goto, output, Pipeline, stages } from "@dragonflow/pipeline";
import fc from "fast-check";
import { applied } from "../testing/applied.ts";
import { Proxy } from "../testing/proxy.ts";
import { group, limit, ownerOf, put, range, take, toyFlow, toyGroup, toyMeter, toyPipeline } from "../testing/toy.ts";
import { until, within } from "../testing/until.ts";
import { killVswitchd, startVswitchd } from "../testing/vswitchd.ts";
import { SwitchDriver } from "./driver.ts";
import type { SwitchDesired } from "./plan.ts";

let ovs: TestSwitch;
before(async () => {
  ovs = await startSwitch();
});
after(() => ovs.stop());

const STRANGER = "02:00:00:00:00:99";
const delivery = defineFlowTable({
  name: "delivery",
  purpose: "the right way",
  stage: stages.delivery,
  match: ["in_port"],
  miss: "drop",
});
const classify = defineFlowTable({
  name: "classify",
  purpose: "the right way for whom it knows, the wrong one for others",
  stage: stages.classify,
  match: ["in_port", "eth_dst"],
  next: [stages.delivery],
  miss: "drop",
});

/** As many frames as a VM sends while somebody waits for its answer, and more: one in each millisecond. */
async function sender(): Promise<AsyncDisposable> {
  await ovs.exec("ip", "link", "add", "tap1", "type", "veth", "peer", "name", "vm1");
  for (const device of ["tap1", "vm1"]) await ovs.exec("ip", "link", "set", device, "up");
  await ovs.exec("ip", "address", "add", "10.0.0.1/24", "dev", "vm1");
  await ovs.exec("ip", "neighbour", "add", "10.0.0.2", "lladdr", STRANGER, "dev", "vm1");
  await ovs.vsctl("add-port", "br-int", "tap1", "--", "set", "interface", "tap1", "ofport_request=1");
  const argv = ["netns", "exec", ovs.namespace, "ping", "-n", "-q", "-i", "0.001", "10.0.0.2"];
  const child = spawn("ip", argv, { stdio: "ignore" });
  const ended = once(child, "close");
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

test("vswitchd comes back under traffic: every packet is dropped, or treated by the whole pipeline", async (t) => {
  const pipeline = new Pipeline([classify, delivery]);
  // In the order in which they are sent: what leads astray at first, what sets it right at last.
  const wrong = flow(ownerOf(1), classify, 50, { in_port: 1, eth_dst: STRANGER }, [output(66)]);
  const others = range(1, 20_000).map((n) => flow(ownerOf(2), classify, 100, { eth_dst: n }, [output(1)]));
  const right = flow(ownerOf(3), delivery, 100, { in_port: 1 }, [group("all")]);
  const known = flow(ownerOf(4), classify, 100, { in_port: 1, eth_dst: STRANGER }, [goto(stages.delivery)]);
  const whole = others.length + 3 + pipeline.missFlows().length;

  await using _sender = await sender();
  const driver = new SwitchDriver(ovs.bridge, pipeline);
  try {
    driver.update(put(wrong, ...others, toyGroup("all", [2, 3]), right, known));
    driver.release();
    await within("it is in step", once(driver, "synced"));
    for (const _restart of range(1, 3)) {
      const lost = once(driver, "disconnected");
      await killVswitchd(ovs);
      await within("the connection is lost", lost);
      const synced = once(driver, "synced").then(() => true);
      await startVswitchd(ovs);
      const other = await connect(ovs.bridge);
      const count = async ({ table, cookie }: DesiredFlow) => {
        const number = pipeline.numberOf(table);
        return aggregate(other, { table: number, cookie, cookieMask: 0xffffffffffffffffn });
      };
      const seen = new Set<unknown>();
      const look = async () => seen.add((await aggregate(other, {})).flows);
      while (!(await Promise.race([synced, look().then(() => false)])));
      await look();
      assert.ok(seen.has(whole) && [...seen].every((flows) => flows === 0 || flows === whole), [...seen].join());
      await until("packets go the right way", async () => Number((await count(right)).packets) > 100);
      t.diagnostic(`${(await count(right)).packets} packets went the right way, ${seen.size} states were seen`);
      assert.equal((await count(wrong)).packets, 0n);
      other.close();
    }
  } finally {
    driver.close();
  }
});
async function aggregate(socket: OpenFlowSocket, what: { table?: number; cookie?: bigint; cookieMask?: bigint }) {
  return (await socket.request({ type: "aggregate_stats_request", match: {}, ...what })).stats;
}

/** Two of them, few flows or many, with groups of their own. */
const WORLDS = [8, 300].map((size) =>
  ["red", "green"].map((colour, i): readonly SwitchDesired[] => [
    toyGroup(colour, [1 + i, 11 + i]),
    toyMeter(colour),
    ...range(1, size).map((n) =>
      toyFlow(n + (n % 4) * i, [limit(colour), n % 2 === i ? group(colour) : output(7 + i)]),
    ),
  ]),
);

test("a controller that dies in the middle of a change leaves all of it or nothing of it (property)", async () => {
  await using proxies = new AsyncDisposableStack();
  const proxy = proxies.adopt(await Proxy.open(join(ovs.dir, "dying.sock"), ovs.bridgeSocket), async (it) =>
    it.close(),
  );
  const other = proxies.adopt(await connect(ovs.bridge), (socket) => socket.close());
  await ovs.ofctl("del-flows", ovs.bridge);
  const state = async () => {
    const [flows, groups] = await Promise.all([
      other.request({ type: "flow_desc_request", match: {} }),
      other.request({ type: "group_desc_request" }),
    ]);
    const buckets = new Map(groups.entries.map((entry) => [entry.group, entry.buckets]));
    const lines = flows.entries.map(({ match, cookie, instructions: { apply = [] } }) => {
      const actions = apply.map((action) => {
        // Numbers of meters and groups are given anew.
        if (action.type === "meter") return "meter";
        return action.type === "group"
          ? (buckets.get(action.group) ?? assert.fail(`no group ${action.group}`))
          : action;
      });
      return describe([match, cookie, actions]);
    });
    return [...lines, `${buckets.size} groups`].toSorted().join("\n");
  };
  /** @returns what is in the switch then, and how many bytes were sent for it */
  const become = async (world: readonly SwitchDesired[], from: readonly SwitchDesired[]) => {
    const driver = new SwitchDriver(proxy.address, toyPipeline);
    try {
      driver.update(put(...from));
      driver.release();
      await within("it is in step", once(driver, "synced"));
      const { sent } = proxy;
      const keys = new Set(world.map(({ key }) => key));
      await applied(driver, driver.update([...take(...from.filter(({ key }) => !keys.has(key))), ...put(...world)]));
      return { state: await state(), bytes: proxy.sent - sent };
    } finally {
      driver.close();
    }
  };
  for (const [red, green] of WORLDS as [SwitchDesired[], SwitchDesired[]][]) {
    const [first, second] = [await become(red, []), await become(green, red)];
    assert.notEqual(first.state, second.state);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: second.bytes - 1 }), async (bytes) => {
        await become(red, green);
        const before = await state();
        const driver = new SwitchDriver(proxy.address, toyPipeline);
        try {
          driver.update(put(...red));
          driver.release();
          await within("it is in step", once(driver, "synced"));
          const died = once(driver, "disconnected").then(() => driver.close());
          proxy.cutAfter(bytes);
          driver.update([...take(...red), ...put(...green)]);
          await within("it dies", died);
        } finally {
          driver.close();
        }
        // What it sent last may still be on its way.
        for (const _look of range(1, 3)) assert.ok([before, second.state].includes(await state()));
      }),
      { numRuns: 30 },
    );
  }
});
const describe = (what: unknown): string =>
  JSON.stringify(what, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
