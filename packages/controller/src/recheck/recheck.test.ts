/** Streams that are never answered, over a real switch: they end when the rule that let them begin goes, unless another one allows them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startSwitch, type TestSwitch } from "@dragonflow/openflow/testing";
import { decodePacket, encodePacket, parseIpv4, parseMac } from "@dragonflow/packet";
import {
  addressGroup,
  addressGroupId,
  groupId,
  host,
  identity,
  ipv4,
  ipv6,
  mac,
  network,
  port,
  portId,
  type RuleSpec,
  securityGroup,
  SELF,
  udp,
} from "@dragonflow/pipeline/testing";
import { Controller } from "../controller.ts";
import type { ControllerSettings } from "../settings.ts";
import { KeptLog } from "../testing/log.ts";
import { TestNb } from "../testing/nb.ts";
import { Stations } from "../testing/station.ts";
import { until } from "../testing/until.ts";
import type { RecheckCounts } from "./recheck.ts";

let ovs: TestSwitch;
let stations: Stations;
let nb: TestNb;
let controller: Controller;
const log = new KeptLog();

/** Who asks, and who streams; with the group of each, whose identity has the same number. */
const CLIENT = 11;
const SERVER = 12;
const [CLIENTS, SERVERS] = [1, 2];
const everywhere = (n: number, direction: "ingress" | "egress"): readonly RuleSpec[] =>
  ([4, 6] as const).map((ipVersion) => ({ n: n + ipVersion, direction, ipVersion }));
const OUT = everywhere(100, "egress");
function udpTo(n: number, first: number, last: number, more: Partial<RuleSpec> = {}): readonly RuleSpec[] {
  const range = { direction: "ingress", protocol: 17, portMin: first, portMax: last } as const;
  return ([4, 6] as const).map((ipVersion) => ({ ...range, ...more, n: n + ipVersion, ipVersion }));
}
const setRules = (n: number, rules: readonly RuleSpec[]): Promise<void> => nb.put(securityGroup({ n, rules }));

before(async () => {
  ovs = await startSwitch();
  stations = await Stations.open(ovs);
  nb = await TestNb.open(SELF);
  await nb.put([
    ...host(),
    ...network({ n: 1 }),
    ...securityGroup({ n: CLIENTS, rules: OUT }),
    ...securityGroup({ n: SERVERS, rules: [] }),
    ...identity(CLIENTS, [CLIENTS]),
    ...identity(SERVERS, [SERVERS]),
    ...port({ n: CLIENT, network: 1, groups: [CLIENTS], identity: CLIENTS }),
    ...port({ n: SERVER, network: 1, groups: [SERVERS], identity: SERVERS }),
  ]);
  const settings: ControllerSettings = {
    chassis: SELF,
    hostname: "the host",
    ovsdb: `unix:${ovs.ovsdbSocket}`,
    bridge: "br-int",
    openflow: ovs.bridge,
    tunnelIp: "172.31.0.1",
    encapsulations: ["geneve"],
    socket: join(nb.dir, "controller.sock"),
    release: "test",
  };
  controller = new Controller(settings, await nb.connect(), log);
  for (const n of [CLIENT, SERVER]) await stations.plug(n, portId(n));
  await inStep();
});
after(async () => {
  await controller.close();
  await nb[Symbol.asyncDispose]();
  await stations.close();
  await ovs.stop();
});

interface Shown {
  readonly inSync: boolean;
  readonly recheck: RecheckCounts;
}
const shown = (): Shown => controller.status() as Shown;
const counts = (): RecheckCounts => ({ ...shown().recheck });
const hasRule = (n: number): boolean =>
  [...controller.flows()].some(
    ({ owner }) => owner.kind === "security-group-rule" && owner.id.startsWith(ruleDigits(n)),
  );
const ruleDigits = (n: number): string => `f1${n.toString(16).padStart(6, "0")}`;
async function inStep(): Promise<void> {
  await until("it is in step", () => shown().inSync);
}

type Version = 4 | 6;
const end = (n: number, version: Version) => ({ mac: mac(n), ip: version === 4 ? ipv4(1, n) : ipv6(1, n) });
let serial = 0;
/** A datagram from one to the other; @returns what it carries, by which it is known. */
function send(from: number, to: number, version: Version, sourcePort: number, destinationPort: number): number {
  serial++;
  const body = Uint8Array.of(serial >>> 8, serial & 0xff);
  stations.send(from, udp(end(from, version), end(to, version), { sourcePort, destinationPort }, body));
  return serial;
}
const bodies = (n: number): readonly number[] =>
  stations.received(n).flatMap((frame) => {
    const { udp: header, payload } = decodePacket(frame);
    return header === undefined ? [] : [((payload?.[0] ?? 0) << 8) + (payload?.[1] ?? 0)];
  });
const arrives = (n: number, body: number): Promise<void> =>
  until(`datagram ${body} is there`, () => bodies(n).includes(body));

/** The client asks once, and never again. */
async function ask(version: Version, serverPort: number): Promise<void> {
  await arrives(SERVER, send(CLIENT, SERVER, version, 4000, serverPort));
  await arrives(CLIENT, send(SERVER, CLIENT, version, serverPort, 4000));
}
/** Whether the server's datagrams arrive; what it sends on the other port shows that time has passed. */
async function streams(version: Version, serverPort: number, otherPort: number): Promise<boolean> {
  const one = send(SERVER, CLIENT, version, serverPort, 4000);
  await arrives(CLIENT, send(SERVER, CLIENT, version, otherPort, 4000));
  return bodies(CLIENT).includes(one);
}

for (const version of [4, 6] as const) {
  test(`IPv${version}: a stream ends with its rule, one that another rule allows by its sender's group goes on`, async () => {
    const byGroup = udpTo(20, 5001, 5001, { remoteGroupId: groupId(CLIENTS) });
    await setRules(SERVERS, [...udpTo(10, 5000, 5001), ...byGroup]);
    await until("the rules are there", () => hasRule(10 + version) && hasRule(20 + version));
    await inStep();
    await ask(version, 5000);
    await ask(version, 5001);
    const asked = bodies(SERVER).length;
    const before = counts();
    await setRules(SERVERS, byGroup);
    await until("the stream has ended", async () => !(await streams(version, 5000, 5001)));
    await until("both were looked at", () => counts().connections - before.connections === 2);
    assert.ok(!(await streams(version, 5000, 5001)));
    // Nobody has seen a packet that was only made to ask.
    assert.equal(bodies(SERVER).length, asked);
    assert.equal(counts().failures, 0);
    // What has ended can begin anew once it is allowed.
    await setRules(SERVERS, []);
    await until("the rules are gone", () => !hasRule(20 + version));
    await inStep();
    await ovs.appctl("dpctl/flush-conntrack");
  });

  test(`IPv${version}: the same for a rule of the one who asked, and for an address of a group`, async () => {
    const toGroup = (n: number, more: Partial<RuleSpec>): RuleSpec => {
      const rule = { direction: "egress", ipVersion: version, protocol: 17 } as const;
      return { ...rule, ...more, n };
    };
    const addresses = addressGroup(1, [end(SERVER, version).ip]);
    await nb.put(addresses);
    await setRules(SERVERS, udpTo(10, 1, 65535));
    const narrow = toGroup(30, { portMin: 5001, portMax: 5001 });
    await setRules(CLIENTS, [narrow, toGroup(40, { remoteAddressGroupId: addressGroupId(1) })]);
    await until("the rules are there", () => hasRule(30) && hasRule(40) && hasRule(10 + version));
    await inStep();
    await ask(version, 5000);
    await ask(version, 5001);
    const asked = bodies(SERVER).length;
    await nb.put(addressGroup(1, ["192.0.2.1", "2001:db8::1"]));
    await until("the stream has ended", async () => !(await streams(version, 5000, 5001)));
    assert.equal(bodies(SERVER).length, asked);
    await setRules(CLIENTS, OUT);
    await setRules(SERVERS, []);
    await until("the rules are gone", () => !hasRule(30) && !hasRule(10 + version));
    await inStep();
    await ovs.appctl("dpctl/flush-conntrack");
  });
}

test("an echo that is answered for ever ends with its rule", async () => {
  const icmp: RuleSpec = { n: 50, direction: "ingress", ipVersion: 4, protocol: 1 };
  await setRules(SERVERS, [...udpTo(10, 5001, 5001), icmp]);
  await until("the rules are there", () => hasRule(50) && hasRule(14));
  await inStep();
  await ask(4, 5001);
  const echo = (from: number, to: number, kind: "echo-request" | "echo-reply", sequence: number): void => {
    const [src, dst] = [end(from, 4), end(to, 4)];
    stations.send(
      from,
      encodePacket({
        ethernet: { src: parseMac(src.mac), dst: parseMac(dst.mac) },
        ipv4: { src: parseIpv4(src.ip), dst: parseIpv4(dst.ip) },
        icmp4: { kind, code: 0, id: 77, sequence, payload: new Uint8Array(8) },
      }),
    );
  };
  const sequences = (n: number): readonly number[] =>
    stations.received(n).flatMap((frame) => {
      const { icmp4 } = decodePacket(frame);
      return icmp4?.kind === "echo-reply" || icmp4?.kind === "echo-request" ? [icmp4.sequence] : [];
    });
  echo(CLIENT, SERVER, "echo-request", 1);
  await until("it is asked", () => sequences(SERVER).includes(1));
  echo(SERVER, CLIENT, "echo-reply", 1);
  await until("it is answered", () => sequences(CLIENT).includes(1));
  await setRules(SERVERS, udpTo(10, 5001, 5001));
  let sequence = 1;
  await until("it has ended", async () => {
    echo(SERVER, CLIENT, "echo-reply", ++sequence);
    await arrives(CLIENT, send(SERVER, CLIENT, 4, 5001, 4000));
    return !sequences(CLIENT).includes(sequence);
  });
  assert.deepEqual(sequences(SERVER), [1]);
});

test("what is added, and what only TCP has lost, asks nobody", async () => {
  const tcp: RuleSpec = { n: 60, direction: "ingress", ipVersion: 4, protocol: 6, portMin: 22, portMax: 22 };
  await setRules(SERVERS, [...udpTo(10, 5001, 5001), tcp]);
  await until("the rule is there", () => hasRule(60));
  await inStep();
  const before = counts();
  await setRules(SERVERS, [...udpTo(10, 5001, 5001), ...udpTo(70, 6000, 6000)]);
  await until("the rule is gone", () => !hasRule(60) && hasRule(74));
  await inStep();
  assert.deepEqual(counts(), before);
});
