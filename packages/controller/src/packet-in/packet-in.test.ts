import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Worker } from "node:worker_threads";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { decodePacket, formatIpv4, formatMac } from "@dragonflow/packet";
import { encodeUserdata, PACKET_IN_CONTROLLER_ID } from "@dragonflow/pipeline";
import { host, ipv4, mac, network, peer, port, portId, portKey, router } from "@dragonflow/pipeline/testing";
import { pipeline } from "../apps.ts";
import { SwitchDriver } from "../switch/driver.ts";
import { applied } from "../testing/applied.ts";
import { compiled } from "../testing/compiled.ts";
import { dhcpIn, discover, notDhcp } from "../testing/dhcp.ts";
import { Proxy } from "../testing/proxy.ts";
import { Stations } from "../testing/station.ts";
import { until, within } from "../testing/until.ts";
import { killVswitchd, startVswitchd } from "../testing/vswitchd.ts";
import { noCounts } from "./answering.ts";
import { PacketIn } from "./packet-in.ts";
import type { FromWorker } from "./protocol.ts";

let ovs: TestSwitch;
let proxy: Proxy;
let stations: Stations;
let driver: SwitchDriver;
let packetIn: PacketIn;
let problems: string[];
/** The threads that were started, and what they said. */
let workers: Worker[];
let said: FromWorker[];

const STATE = compiled([
  ...host(),
  ...peer("host2", 900),
  ...network({ n: 1 }),
  ...network({ n: 2 }),
  ...port({ n: 11, network: 1 }),
  ...port({ n: 12, network: 1 }),
  ...port({ n: 21, network: 2, chassis: "host2" }),
  ...router(5, [1, 2]),
]);
before(async () => {
  ovs = await startSwitch();
  proxy = await Proxy.open(join(ovs.dir, "proxy.sock"), ovs.bridgeSocket);
  stations = await Stations.open(ovs);
  await stations.plug(11, portId(11));
  await stations.plug(12, portId(12));
  driver = new SwitchDriver(ovs.bridge, pipeline);
  driver.release();
  await applied(driver, driver.update(STATE.switch));
});
beforeEach(async () => {
  problems = [];
  workers = [];
  said = [];
  stations.received(11).length = 0;
  packetIn = new PacketIn({ bridge: proxy.address }, (settings) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: settings });
    worker.on("message", (message: FromWorker) => said.push(message));
    workers.push(worker);
    return worker;
  });
  packetIn.on("problem", (message) => problems.push(message));
  packetIn.declare(STATE.responses);
  await until("it is connected", () => packetIn.connected);
});
afterEach(() => packetIn.close());
after(async () => {
  driver.close();
  await stations.close();
  await proxy.close();
  await ovs.stop();
});

/** Flows that send every packet of a port to the thread, whatever meters say. */
async function sendAll(other: OpenFlowSocket, subject = portKey(11)): Promise<void> {
  const userdata = encodeUserdata(1, subject);
  const action = { type: "controller", controller: PACKET_IN_CONTROLLER_ID, userdata } as const;
  const flow = { table: 0, priority: 9999, cookie: 0n, match: { in_port: 12 } } as const;
  const refused = await other.apply([{ type: "flow_mod", command: "add", ...flow, instructions: { apply: [action] } }]);
  assert.deepEqual(refused, []);
}
const offers = (n: number) => stations.received(n).flatMap((frame) => dhcpIn(frame) ?? []);

test("a DISCOVER comes in, an OFFER goes out", async () => {
  stations.send(11, discover(mac(11), 77));
  await until("an offer comes", () => offers(11).length > 0);
  const [offer] = offers(11);
  assert.equal(offer?.options.messageType, "offer");
  assert.equal(offer?.xid, 77);
  assert.equal(formatIpv4(offer?.yiaddr ?? 0), ipv4(1, 11));
  await until("it is counted", () => packetIn.counts.packets > 0);
  const { byResponder, undecodable, failed } = packetIn.counts;
  assert.deepEqual([byResponder["dhcp"], undecodable, failed], [1, 0, 0]);
  assert.deepEqual(problems, []);
});

test("a packet that does not decode is counted and dropped, and the next one is answered", async () => {
  const garbage = [new Uint8Array(), Uint8Array.of(1, 1, 6), new Uint8Array(300).fill(0xff)];
  stations.send(11, ...garbage.map((payload) => notDhcp(mac(11), payload)), discover(mac(11), 78));
  await until("an offer comes", () => offers(11).length > 0);
  await until("all are counted", () => packetIn.counts.packets === 4);
  assert.equal(packetIn.counts.undecodable, 3);
  assert.equal(packetIn.counts.replies, 1);
});

test("packets that nobody declared a row for are counted", async () => {
  const other = await connect(ovs.bridge);
  await sendAll(other, 4242);
  stations.send(12, discover(mac(12)));
  await until("it is counted", () => packetIn.counts.unknown === 1);
  await other.apply([
    {
      type: "flow_mod",
      command: "delete",
      table: 0,
      priority: 0,
      cookie: 0n,
      match: { in_port: 12 },
      instructions: {},
    },
  ]);
  other.close();
  driver.resync();
  await within("it is in step", once(driver, "synced"));
});

test("a thread that dies is started again, with its rows", async () => {
  stations.send(11, discover(mac(11)));
  await until("it is counted", () => packetIn.counts.replies === 1);
  await workers[0]?.terminate();
  await until("it is connected", () => packetIn.connected && workers.length === 2);
  stations.received(11).length = 0;
  stations.send(11, discover(mac(11), 79));
  await until("an offer comes", () => offers(11).length > 0);
  // What the first one counted is not lost.
  await until("it is counted", () => packetIn.counts.replies === 2);
});

test("a thread that cannot start is told, and tried less and less often", async () => {
  let started = 0;
  const failing = new PacketIn({ bridge: ovs.bridge }, () => {
    started++;
    return new Worker("throw new Error('no such thing')", { eval: true });
  });
  const told: string[] = [];
  failing.on("problem", (message) => told.push(message));
  await until("it was tried some times", () => started >= 3);
  assert.match(told[0] ?? "", /no such thing/);
  await failing.close();
  const before = started;
  await new Promise(setImmediate);
  assert.equal(started, before);
});

test("a hundred that ask at once are answered, each", async () => {
  const other = await connect(ovs.bridge);
  await sendAll(other);
  await until("the thread is connected", () => packetIn.connected);
  stations.send(12, ...Array.from({ length: 100 }, (_, i) => discover(mac(11), 1000 + i)));
  await until("all have their offers", () => new Set(offers(11).map(({ xid }) => xid)).size === 100);
  assert.equal(packetIn.counts.dropped, 0);
  other.close();
});

test("in a storm a thousand wait, what is more is dropped, and nothing piles up", async () => {
  const other = await connect(ovs.bridge);
  await sendAll(other);
  await until("the thread is connected through the proxy", () => packetIn.connected);
  proxy.mute();
  const storm = Array.from({ length: 50 }, (_, i) => discover(mac(11), i));
  const STORM = 3000;
  for (let sent = 0; sent < STORM; sent += storm.length) {
    stations.send(12, ...storm);
    await new Promise(setImmediate);
  }
  await until("packets are dropped", () => packetIn.counts.dropped > 0);
  await other.barrier();
  let seen = -1;
  await until("the storm is over", () => {
    const isOver = seen === packetIn.counts.packets;
    seen = packetIn.counts.packets;
    return isOver && packetIn.counts.packets === packetIn.counts.dropped + packetIn.counts.replies + 1000;
  });
  assert.equal(packetIn.counts.replies, 64);
  assert.ok(packetIn.counts.packets <= STORM);
  // However many packets: few messages to the main thread.
  assert.ok(said.length < 60, `${said.length} messages`);
  proxy.speak();
  stations.received(11).length = 0;
  await until("it answers again", () => {
    stations.send(12, discover(mac(11), 4711));
    return offers(11).some(({ xid }) => xid === 4711);
  });
  const flow = { table: 0, priority: 9999, cookie: 0n, match: { in_port: 12 }, instructions: {} } as const;
  await other.apply([{ type: "flow_mod", command: "delete_strict", ...flow }]);
  other.close();
});

test("router advertisements are announced, and nothing is said while nothing happens", async () => {
  await until("a router is announced", () => packetIn.counts.announcements >= 2);
  const advertisements = stations
    .received(11)
    .filter((frame) => decodePacket(frame).icmp6?.kind === "router-advertisement");
  assert.equal(advertisements.length, 1);
  assert.equal(formatMac(decodePacket(advertisements[0]!).ethernet.src).slice(0, 8), "fa:16:3f");
  const before = said.length;
  stations.send(11, discover(mac(11)));
  await until("a report comes", () => said.length > before);
  assert.equal(said.filter(({ type }) => type === "report").length, said.length - 1);
});

test("tunnels are warmed up when they are new, and on each connection", async () => {
  const warm = () => stations.received(11).filter((frame) => decodePacket(frame).ethernet.etherType === 0x88b5).length;
  packetIn.warmUp([11]);
  await until("it is warmed up", () => warm() === 1);
  packetIn.warmUp([11]);
  packetIn.warmUp([11, 12]);
  await until("the other one is", () =>
    stations.received(12).some((frame) => decodePacket(frame).ethernet.etherType === 0x88b5),
  );
  assert.equal(warm(), 1);
  proxy.cut();
  await until("it is warmed up again", () => warm() === 2);
  assert.deepEqual(problems, ["packet-in connection: closed: the stream has ended"]);
});

test("vswitchd restarts, and the thread is back; its absence is told once", async () => {
  await killVswitchd(ovs);
  await until("it is noticed", () => !packetIn.connected);
  const back = once(driver, "synced");
  await startVswitchd(ovs);
  await within("the flows are back", back);
  await until("it is connected", () => packetIn.connected);
  assert.equal(new Set(problems).size, problems.length, problems.join("\n"));
  assert.deepEqual({ ...packetIn.counts, announcements: 0 }, noCounts());
  await stations.close();
  await ovs.vsctl("del-br", "br-vm");
  stations = await Stations.open(ovs);
  await ovs.vsctl("--if-exists", "del-port", "br-int", "tap11");
  await stations.plug(11, portId(11));
  stations.send(11, discover(mac(11), 80));
  await until("an offer comes", () => offers(11).length > 0);
});
