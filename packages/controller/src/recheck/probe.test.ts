import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decodePacket, formatIp, formatMac } from "@dragonflow/packet";
import { stages } from "@dragonflow/pipeline";
import { readConnections } from "./connections.ts";
import { askVswitchd, runDirectory } from "../switch/control-socket.ts";
import type { TrackedPort } from "./policy.ts";
import { probeOf } from "./probe.ts";

const LISTED = `udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1234,dport=5678),reply=(src=10.0.0.2,dst=10.0.0.1,sport=5678,dport=1234),zone=5,labels=0x4d
udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1),zone=5,mark=1

icmpv6,orig=(src=fd00::1,dst=fd00::2,id=77,type=128,code=0),reply=(src=fd00::2,dst=fd00::1,id=77,type=129,code=0),zone=5
47,orig=(src=10.0.0.9,dst=10.0.0.2,sport=0,dport=0),reply=(src=10.0.0.2,dst=10.0.0.9,sport=0,dport=0),zone=5
tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=3,dport=22),reply=(src=10.0.0.2,dst=10.0.0.1,sport=22,dport=3),zone=5,protoinfo=(state=ESTABLISHED)
something else
`;
const connections = [...readConnections(LISTED)];
const trackedPort: TrackedPort = {
  type: "tracked-port",
  key: "tracked-port a",
  portId: "a",
  portKey: 7,
  networkKey: 3,
  mac: "fa:16:3e:00:00:02",
  identity: 9,
  addresses: ["10.0.0.2", "fd00::2"],
  pairs: [],
};

test("a list of connections as vswitchd writes it", () => {
  assert.deepEqual(
    connections.map(({ protocol, source, destination, first, second, id, mark, label }) =>
      [protocol, formatIp(source), formatIp(destination), first, second, id, mark, Number(label)].join(" "),
    ),
    [
      "17 10.0.0.1 10.0.0.2 1234 5678 0 0 77",
      "17 10.0.0.1 10.0.0.2 1 2 0 1 0",
      "58 fd00::1 fd00::2 128 0 77 0 0",
      "47 10.0.0.9 10.0.0.2 0 0 0 0 0",
      "6 10.0.0.1 10.0.0.2 3 22 0 0 0",
    ],
  );
});

/** The probe for one of the connections above: registers and the stage that it enters, and its layers. */
function probe(n: number, port: Partial<TrackedPort> = {}) {
  const connection = connections[n] ?? assert.fail();
  const { steps, frame } = probeOf(connection, { ...trackedPort, ...port });
  const registers = Object.fromEntries(
    steps.flatMap((step) => (step.type === "set" ? [[step.register, step.value]] : [])),
  );
  const entered = steps.flatMap((step) => (step.type === "resubmit" ? [step.target] : []));
  return { registers, entered, packet: decodePacket(frame) };
}

test("a connection to the port: its probe enters where packets for the port do, from the group that began it", () => {
  const { registers, entered, packet } = probe(0);
  assert.deepEqual(registers, { network: 3, recheck: 1, sourceIdentity: 77, destinationPort: 7 });
  assert.deepEqual(entered, [stages.ingressConntrack]);
  assert.equal(formatMac(packet.ethernet.dst), trackedPort.mac);
  assert.deepEqual(packet.udp, { sourcePort: 1234, destinationPort: 5678 });
  assert.equal(packet.payload?.length, 0);
});

test("a connection of the port: its probe enters where packets from the port do, as the group that it has now", () => {
  for (const port of [
    { addresses: ["10.0.0.1"] },
    { addresses: [], pairs: ["10.0.0.0/24"] },
    { addresses: [], pairs: ["10.0.0.1"] },
  ]) {
    const { registers, entered, packet } = probe(0, port);
    assert.deepEqual(registers, { network: 3, recheck: 1, sourceIdentity: 9, sourcePort: 7 });
    assert.deepEqual(entered, [stages.egressConntrack]);
    assert.equal(formatMac(packet.ethernet.src), trackedPort.mac);
  }
  // Whose pairs are everything has its own address all the same.
  assert.deepEqual(probe(0, { pairs: ["0.0.0.0/0"] }).entered, [stages.ingressConntrack]);
});

test("probes of other protocols", () => {
  const { packet: echo } = probe(2);
  assert.ok(echo.icmp6?.kind === "echo-request");
  assert.equal(echo.icmp6.id, 77);
  const { packet: gre } = probe(3);
  assert.equal(gre.ipv4?.protocol, 47);
});

test("vswitchd's control socket: in pieces, with an error, left behind by a daemon that was killed, or none", async () => {
  const directory = await mkdtemp(join(tmpdir(), "control-test-"));
  let answer: readonly string[] = [];
  const server = createServer((socket) => {
    socket.once("data", () => {
      const [first = "", ...rest] = answer;
      socket.write(first, () => setImmediate(() => socket.end(rest.join(""))));
    });
  });
  try {
    await assert.rejects(askVswitchd(directory, "version"), /no control socket/);
    await writeFile(join(directory, "ovs-vswitchd.1.ctl"), "");
    await assert.rejects(askVswitchd(directory, "version"), { code: "ECONNREFUSED" });
    server.listen(join(directory, "ovs-vswitchd.22.ctl"));
    await once(server, "listening");
    answer = ['{"id":0,"result":"{brace}', '\\n","error":null}'];
    assert.equal(await askVswitchd(directory, "version"), "{brace}\n");
    answer = ['{"id":0,"result":null,"error":"no such command"}'];
    await assert.rejects(askVswitchd(directory, "version"), /no such command/);
    answer = ['{"id":0,"resu'];
    await assert.rejects(askVswitchd(directory, "version"), /hung up/);
    assert.equal(runDirectory("unix:/run/openvswitch/br-int.mgmt"), "/run/openvswitch");
    assert.throws(() => runDirectory("tcp:192.0.2.1:6653"), RangeError);
  } finally {
    server.close();
    await rm(directory, { recursive: true });
  }
});
