/** What a real Open vSwitch tells by itself: packets, changes of ports and flows. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import type { Action } from "./actions/index.ts";
import type { FlowMod, FlowUpdate, Message, MessageNamed } from "./messages/index.ts";
import { ALL_TABLES, PortNumber } from "./numbers.ts";
import { OpenFlowSocket, connect } from "./socket.ts";
import { nextMessage } from "./testing/next-message.ts";
import { type TestSwitch, startSwitch } from "./testing/switch.ts";

let ovs: TestSwitch;
/** Wants all that the switch tells by itself. */
let socket: OpenFlowSocket;
/** Another controller. */
let other: OpenFlowSocket;
before(async () => {
  ovs = await startSwitch();
  [socket, other] = await Promise.all([connect(ovs.bridge), connect(ovs.bridge)]);
  await socket.apply([
    { type: "set_config", fragments: "normal", missSendLengthBytes: 0xffff },
    { type: "set_packet_in_format", format: "packet_in2" },
  ]);
});
after(async () => {
  socket.close();
  other.close();
  await ovs.stop();
});
beforeEach(async () => {
  await other.apply([flow({ command: "delete", table: ALL_TABLES })]);
});

function flow(members: Partial<FlowMod>): MessageNamed<"flow_mod"> {
  const required = { command: "add", table: 0, priority: 1, cookie: 0n, match: {}, instructions: {} } as const;
  return { type: "flow_mod", ...required, ...members };
}
function apply(...actions: Action[]): { apply: Action[] } {
  return { apply: actions };
}
/** A UDP packet without payload, from 10.0.0.1 to 10.0.0.2. */
const packet = Buffer.from(
  "50540000000a50540000000b08004500001c000000004011000a0a0000010a0000020035003500080000",
  "hex",
);
/** Sends the packet through the flow tables, as if it came from the local port. */
function inject(from: OpenFlowSocket): void {
  const match = { in_port: PortNumber.local, metadata: 5n };
  from.send([{ type: "packet_out", match, actions: [{ type: "output", port: PortNumber.table }], frame: packet }]);
}
async function packetsOf(table: number): Promise<bigint | undefined> {
  const { stats } = await other.request({ type: "aggregate_stats_request", table, match: {} });
  return stats.packets;
}

test("a packet comes with what the flow says about it", async () => {
  const userdata = Uint8Array.of(1, 2, 3, 4, 5);
  const setRegister: Action = { type: "set_field", field: "reg1", value: 7 };
  await other.apply([
    flow({ cookie: 0x77n, instructions: apply(setRegister, { type: "controller", userdata, maxLen: 20 }) }),
  ]);
  const arrived = nextMessage(socket, "packet_in2");
  inject(other);
  const { cookie, reason, metadata, frame, ...rest } = await arrived;
  assert.deepEqual([...(rest.userdata ?? [])], [1, 2, 3, 4, 5]);
  assert.equal(cookie, 0x77n);
  assert.equal(rest.table, 0);
  assert.equal(rest.continuation, undefined);
  // vswitchd has sent whole packets since it stopped to buffer them, whatever max_len says.
  assert.ok(packet.equals(frame));
  assert.ok(reason === "packet_out" || reason === "action");
  assert.deepEqual(metadata, { in_port: PortNumber.local, metadata: 5n, reg1: 7 });
});

test("packets of another controller id go to the connection that has it", async () => {
  await other.apply([
    { type: "set_config", fragments: "normal", missSendLengthBytes: 0xffff },
    { type: "set_packet_in_format", format: "packet_in2" },
    { type: "set_controller_id", controllerId: 9 },
    flow({ instructions: apply({ type: "controller", controller: 9 }) }),
  ]);
  const strays: Message[] = [];
  const collect = (message: Message): void => void strays.push(message);
  socket.on("message", collect);
  const arrived = nextMessage(other, "packet_in2");
  inject(socket);
  await arrived;
  await socket.barrier();
  socket.off("message", collect);
  assert.deepEqual(strays, []);
  await other.apply([{ type: "set_config", fragments: "normal", missSendLengthBytes: 0 }]);
});

test("a packet waits at the controller, and goes on where it was", async () => {
  const pause: Action = { type: "controller", pause: true, userdata: Uint8Array.of(9) };
  const setRegister: Action = { type: "set_field", field: "reg2", value: 3 };
  await other.apply([
    flow({ instructions: apply(setRegister, pause, { type: "resubmit", table: 40 }) }),
    flow({ table: 40, match: { reg2: 3, metadata: 6n } }),
  ]);
  const arrived = nextMessage(socket, "packet_in2");
  inject(other);
  const { continuation, frame, metadata, reason } = await arrived;
  assert.ok(continuation && metadata && reason);
  assert.deepEqual(metadata, { in_port: PortNumber.local, metadata: 5n, reg2: 3 });
  await socket.barrier();
  assert.equal(await packetsOf(40), 0n);
  // The controller may change the packet and its fields.
  const resume = { type: "resume", frame, reason, metadata: { ...metadata, metadata: 6n }, continuation } as const;
  assert.deepEqual(await socket.apply([resume]), []);
  assert.equal(await packetsOf(40), 1n);
  // Of another bridge, or of a vswitchd that has been restarted.
  const foreign = continuation.slice();
  foreign.fill(0xee, 4, 20);
  const errors = await socket.apply([{ ...resume, continuation: foreign }]);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["NXR_STALE"],
  );
});

test("the end of a flow is told where the flow asks for it", async () => {
  const removed = nextMessage(socket, "flow_removed");
  const match = { in_port: PortNumber.local };
  await other.apply([
    flow({ priority: 3, match }),
    flow({ priority: 4, cookie: 0x99n, match, flags: ["send_flow_rem"], idleTimeoutSeconds: 100 }),
  ]);
  inject(other);
  await other.apply([flow({ command: "delete" })]);
  const { stats, ...rest } = await removed;
  assert.deepEqual(rest, {
    type: "flow_removed",
    table: 0,
    reason: "delete",
    priority: 4,
    idleTimeoutSeconds: 100,
    hardTimeoutSeconds: 0,
    cookie: 0x99n,
    match,
  });
  assert.equal(stats.packets, 1n);
  assert.equal(stats.bytes, BigInt(packet.length));
});

test("ports come and go", async () => {
  const isEvent = (reason: string) => (message: MessageNamed<"port_status">) =>
    message.reason === reason && message.port.name === "p7";
  const added = nextMessage(socket, "port_status", isEvent("add"));
  await ovs.vsctl("add-port", "br-int", "p7", "--", "set", "interface", "p7", "type=internal", "ofport_request=7");
  const { port } = await added;
  assert.equal(port.port, 7);
  assert.ok(port.state.includes("link_down"));
  const up = nextMessage(
    socket,
    "port_status",
    (message) => isEvent("modify")(message) && message.port.config.length === 0,
  );
  await ovs.exec("ip", "link", "set", "p7", "up");
  await up;
  const deleted = nextMessage(socket, "port_status", isEvent("delete"));
  await ovs.vsctl("del-port", "br-int", "p7");
  assert.equal((await deleted).port.port, 7);
});

test("only what the asynchronous configuration names is told", async () => {
  await socket.apply([{ type: "set_async", packetIn: [], portStatus: ["delete"] }]);
  const { packetIn, portStatus } = await socket.request({ type: "get_async_request" });
  assert.deepEqual([packetIn, portStatus], [[], ["delete"]]);
  await other.apply([flow({ instructions: apply({ type: "controller" }) })]);
  const first = once(socket, "message", { signal: AbortSignal.timeout(10_000) });
  inject(other);
  await ovs.vsctl("add-port", "br-int", "p8", "--", "set", "interface", "p8", "type=internal");
  await ovs.vsctl("del-port", "br-int", "p8");
  const [message] = await first;
  assert.ok(message.type === "port_status" && message.reason === "delete");
  await socket.apply([
    {
      type: "set_async",
      packetIn: ["no_match", "action", "action_set", "group", "packet_out"],
      portStatus: ["add", "delete", "modify"],
    },
  ]);
});

/** The updates that a monitor tells, until there are `count`. */
async function updates(from: OpenFlowSocket, count: number): Promise<readonly FlowUpdate[]> {
  const all: FlowUpdate[] = [];
  await nextMessage(from, "flow_monitor_reply", ({ entries }) => all.push(...entries) >= count);
  return all;
}
/** All that it takes to be told of changes. */
const monitored = {
  command: "add",
  flags: ["initial", "add", "removed", "modify", "instructions"],
  match: {},
} as const;

test("a flow monitor sees the changes of another connection", async () => {
  await other.apply([flow({ table: 50, cookie: 1n })]);
  const { entries: present } = await socket.request({
    type: "flow_monitor_request",
    entries: [{ monitor: 1, table: 50, ...monitored }],
  });
  const base = { table: 50, idleTimeoutSeconds: 0, hardTimeoutSeconds: 0, priority: 1, match: {}, instructions: {} };
  assert.deepEqual(present, [{ event: "initial", ...base, cookie: 1n }]);
  const match = { in_port: 3 };
  const told = updates(socket, 4);
  await other.apply([
    flow({ table: 50, cookie: 2n, match, instructions: { goto: 51 } }),
    flow({ command: "modify", table: 50, match, instructions: { goto: 52 } }),
    flow({ table: 51 }),
    flow({ command: "delete", table: 50 }),
  ]);
  const [added, modified, ...removed] = await told;
  assert.deepEqual(added, { ...base, event: "added", cookie: 2n, match, instructions: { goto: 51 } });
  assert.deepEqual(modified, { ...base, event: "modified", cookie: 2n, match, instructions: { goto: 52 } });
  assert.deepEqual(
    new Map(removed.map((update) => (update.event === "removed" ? [update.cookie, update.reason] : assert.fail()))),
    new Map([
      [1n, "delete"],
      [2n, "delete"],
    ]),
  );
  const cancel = { monitor: 1, flags: [], command: "delete", match: {} } as const;
  assert.deepEqual((await socket.request({ type: "flow_monitor_request", entries: [cancel] })).entries, []);
  // vswitchd does not say which request it refuses: see flow-monitor.ts.
  const again = socket.request({ type: "flow_monitor_request", entries: [cancel] });
  await Promise.all([assert.rejects(again, { code: "unanswered" }), socket.barrier()]);
});

test("own changes are told by their xid, or in full where the monitor says so", async () => {
  const monitor = { monitor: 2, table: 53, ...monitored } as const;
  await socket.request({ type: "flow_monitor_request", entries: [monitor] });
  const short = updates(socket, 1);
  await socket.apply([flow({ table: 53 })]);
  const [abbreviated] = await short;
  assert.equal(abbreviated?.event, "abbrev");
  const full = { ...monitor, command: "modify", flags: [...monitored.flags, "only_own"] } as const;
  await socket.request({ type: "flow_monitor_request", entries: [full] });
  const long = updates(socket, 1);
  await socket.apply([flow({ table: 53, priority: 2 })]);
  const [added] = await long;
  assert.ok(added?.event === "added" && added.priority === 2);
  const refused = { ...monitor, monitor: 3, flags: [...monitored.flags, "no_abbrev"] } as const;
  const bad = socket.request({ type: "flow_monitor_request", entries: [refused] });
  await Promise.all([assert.rejects(bad, { code: "unanswered" }), socket.barrier()]);
  const cancel = { monitor: 2, flags: [], command: "delete", match: {} } as const;
  await socket.request({ type: "flow_monitor_request", entries: [cancel] });
});

test("a monitor that reads too slowly is paused, and told afterwards what it missed", async () => {
  const stream = connectSocket(ovs.bridgeSocket);
  const slow = new OpenFlowSocket(stream);
  await slow.opened;
  await slow.request({ type: "flow_monitor_request", entries: [{ monitor: 1, table: 60, ...monitored }] });
  const flows = new Set<number>();
  const events = new Set<string>();
  slow.on("message", (message) => {
    if (message.type !== "flow_monitor_reply") return;
    for (const update of message.entries) {
      events.add(update.event);
      if ("priority" in update) flows.add(update.priority);
    }
  });
  const resumed = nextMessage(slow, "flow_monitor_reply", ({ entries }) =>
    entries.some(({ event }) => event === "resumed"),
  );
  stream.pause();
  const adds = (from: number): Message[] =>
    Array.from({ length: 2000 }, (_, i) => flow({ table: 60, priority: from + i }));
  for (let from = 1; from < 20_000; from += 2000) await other.apply(adds(from));
  stream.resume();
  await resumed;
  await slow.barrier();
  assert.equal(flows.size, 20_000);
  assert.ok(events.has("paused"));
  slow.close();
});
