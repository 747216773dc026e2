/** What a real switch is asked, and how its answer is read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APPS, pipeline } from "@dragonflow/controller";
import { printMatch } from "@dragonflow/openflow";
import { tunnelIp } from "@dragonflow/pipeline/testing";
import { explain } from "./explain.ts";
import { cookiesOf, liveLeg, liveLines } from "./live.ts";
import type { Leg } from "./follow.ts";
import { compareWithSwitch, switchQuestion } from "./switch.ts";
import { ask, names, QUIET, rowsOf, scene } from "./testing/scene.ts";
import { World } from "./world.ts";

const world = new World(rowsOf(scene()));
const { legs } = await explain(
  { apps: APPS, pipeline },
  world,
  ask({ from: 11, to: 22, service: "icmp" }, scene()),
  QUIET,
);

/** As `ofproto/trace --names` writes it (Open vSwitch 3.1), with what it says of another bridge in between. */
const answerOf = ({ trace }: Leg): string =>
  trace.steps
    .flatMap((step) => {
      if (step.type !== "lookup" || step.flow === undefined) return [];
      const { table, priority, cookie } = step.flow;
      const met = `${String(table).padStart(2)}. ${table % 2 === 0 ? "" : "ip,reg0=0x1, "}priority ${priority}, cookie 0x${cookie.toString(16)}`;
      return [
        met,
        "    goto_table:1",
        'bridge("br-phy")',
        "----",
        " 0. priority 0",
        "    NORMAL",
        "99. priority 1, cookie 0xbeef",
      ];
    })
    .join("\n");

test("the same packet is asked about, with what the tunnel says of it", async () => {
  const [first, second] = legs;
  assert.ok(first !== undefined && second !== undefined);
  const sent = await switchQuestion(world, first, { state: "new" });
  assert.deepEqual([...sent.keys()], ["in_port", "frame", "state", "mark"]);
  const {
    frame: _frame,
    in_port: _port,
    ...rest
  } = Object.fromEntries(await switchQuestion(world, second, { state: "reply", mark: 1 }));
  assert.deepEqual(rest, {
    state: "reply",
    mark: "1",
    tun_id: "1002",
    tun_src: tunnelIp("host1"),
    tun_dst: tunnelIp("host2"),
    identity: "1",
  });
});

test("of what was counted meanwhile, the difference stands beside each flow", () => {
  const [first] = legs;
  assert.ok(first !== undefined);
  const words = { world, names, responders: new Map<number, string>() };
  const flows = first.trace.steps.flatMap((step) =>
    step.type === "lookup" && step.flow !== undefined
      ? [{ table: step.table, priority: step.flow.priority, match: printMatch(step.flow.match) }]
      : [],
  );
  const at = (packets: number) => flows.map((flow) => ({ ...flow, packets }));
  const { steps } = liveLeg(words, first, at(5), at(7));
  assert.ok(steps.length > 5 && steps.every(({ packets }) => packets === 2));
  assert.ok(liveLeg(words, first, [], at(7)).steps.every(({ packets }) => packets === 7));
  assert.ok(liveLeg(words, first, at(5), []).steps.every(({ packets }) => packets === null));
  assert.deepEqual(liveLines([{ chassis: "host1", steps: [{ table: "l2", text: "to port vm1", packets: 3 }] }]), [
    "host1: packets that met these flows meanwhile, whoever sent them",
    "  l2      +3  to port vm1",
  ]);
  assert.ok(cookiesOf(first).every((cookie) => /^[0-9a-f]{15,16}$/.test(cookie)));
});

test("an answer that went the same way agrees; one that left it does not, and it says where", () => {
  for (const leg of legs) {
    const text = answerOf(leg);
    assert.equal(compareWithSwitch(leg, { state: "new" }, text).agrees, true);
    const other = compareWithSwitch(leg, { state: "new" }, text.replace(/cookie 0x1([0-9a-f]{14})/, "cookie 0x2$1"));
    assert.equal(other.agrees, false);
    assert.match(
      other.detail,
      /^the tracer met table classify, priority 100 .*; the switch table classify, priority 100/,
    );
    const short = compareWithSwitch(leg, { state: "new" }, text.split("\n").slice(0, 7).join("\n"));
    assert.match(short.detail, /the switch nothing more$/);
  }
});
