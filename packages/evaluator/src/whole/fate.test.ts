import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { AnyRecord } from "../cloud.ts";
import { bytesOf, frameIn, sentChoices, sentOf } from "../testing/index.ts";
import { type Fate, fateOf } from "./fate.ts";
import { type Frame, frameText, type IpContent } from "./frame.ts";
import { linkLocalOf, Topology } from "./topology.ts";

const VIRTUAL = "00:00:5e:00:01:07";
const GATEWAY = "fa:16:3f:00:00:01";
const mac = (n: number): string => `fa:16:3e:00:00:${n}`;
const of = (kind: string, fields: AnyRecord["fields"]): AnyRecord => ({ kind, fields });

function port(n: number, network: number, fields: object = {}): AnyRecord {
  return of("local-port", {
    id: `p${n}`,
    networkId: `n${network}`,
    chassis: "host1",
    key: n,
    mac: mac(n),
    pairs: [],
    addresses: [
      { subnetId: `s${network}`, ip: `10.0.${network}.${n}` },
      { subnetId: `t${network}`, ip: `fd00:${network}::${n}` },
    ],
    portSecurity: true,
    securityGroups: ["open"],
    identity: 1,
    adminUp: true,
    hostname: "",
    dhcpOptions: [],
    ...fields,
  });
}
function network(n: number): readonly AnyRecord[] {
  const subnet = { networkId: `n${n}`, dhcpEnabled: true, dnsNameservers: [], hostRoutes: [], ipv6AddressMode: null };
  const shared = { physicalNetwork: null, segmentationId: n, mtuBytes: 1442, adminUp: true, dnsDomain: "" };
  return [
    of("network", { id: `n${n}`, key: n, networkType: "geneve", ...shared }),
    of("subnet", {
      ...subnet,
      id: `s${n}`,
      ipVersion: 4,
      cidr: `10.0.${n}.0/24`,
      gatewayIp: `10.0.${n}.1`,
      ipv6RaMode: null,
    }),
    of("subnet", {
      ...subnet,
      id: `t${n}`,
      ipVersion: 6,
      cidr: `fd00:${n}::/64`,
      gatewayIp: `fd00:${n}::1`,
      ipv6RaMode: "slaac",
    }),
  ];
}
const link = (n: number): AnyRecord =>
  of("router-interface", {
    id: `i${n}`,
    routerId: "r1",
    networkId: `n${n}`,
    key: 100 + n,
    mac: `fa:16:3f:00:00:0${n}`,
    adminUp: true,
    addresses: [
      { subnetId: `s${n}`, ip: `10.0.${n}.1` },
      { subnetId: `t${n}`, ip: `fd00:${n}::1` },
    ],
  });
const any = {
  protocol: null,
  portMin: null,
  portMax: null,
  remotePrefix: null,
  remoteGroupId: null,
  remoteAddressGroupId: null,
};
const rules = (["ingress", "egress"] as const).flatMap((direction) =>
  ([4, 6] as const).map((ipVersion) => ({ id: `${direction}${ipVersion}`, direction, ipVersion, ...any })),
);

/** Ports 11, 12 and 13 in network 1, 21 in network 2, a router between the two; 12 and 13 share an address and a MAC address. */
const topology = new Topology([
  ...network(1),
  ...network(2),
  of("router", { id: "r1", key: 1, adminUp: true, routes: [{ destination: "192.0.2.0/24", nexthop: "10.0.2.21" }] }),
  link(1),
  link(2),
  of("security-group", { id: "open", stateful: true, rules }),
  port(11, 1),
  ...[12, 13].map((n) => port(n, 1, { chassis: "host2", pairs: [{ ip: "10.0.1.200", mac: VIRTUAL }] })),
  port(21, 2, { chassis: "host2" }),
  ...["host1", "host2"].map((id) => of("endpoint", { id, ip: "172.31.0.1", encapsulations: ["geneve"] })),
]);

const ping = (fields: Partial<IpContent>): IpContent => ({
  type: "ip",
  source: "10.0.1.11",
  destination: "10.0.1.12",
  ttl: 64,
  protocol: 1,
  fragment: "none",
  header: { type: "icmp", icmpType: 8, icmpCode: 0 },
  ...fields,
});
function sent(destination: string, content: Frame["content"], source = mac(11)): Fate {
  const frame = { source, destination, tagged: false, content };
  return fateOf(topology, { from: "p11", frame, connection: { state: "new" } });
}
const got = ({ receivers }: Fate): readonly string[] =>
  receivers.map(
    ({ port: id, frame }) =>
      `${id} ${frame.source} > ${frame.destination} ttl ${frame.content.type === "ip" ? frame.content.ttl : ""}`,
  );

describe("what becomes of a frame", () => {
  test("in its network: to whom it is for, as it is", () => {
    assert.deepEqual(got(sent(mac(12), ping({}))), [`p12 ${mac(11)} > ${mac(12)} ttl 64`]);
    assert.deepEqual(sent(mac(99), ping({})).ends, [`nobody has ${mac(99)} in network n1`]);
  });

  test("a broadcast comes to all others, a shared MAC address to all who share it, each once", () => {
    const toAll = got(sent("ff:ff:ff:ff:ff:ff", ping({ destination: "255.255.255.255" })));
    assert.deepEqual(
      toAll.map((line) => line.slice(0, 3)),
      ["p12", "p13"],
    );
    assert.deepEqual(
      got(sent(VIRTUAL, ping({}))).map((line) => line.slice(0, 3)),
      ["p12", "p13"],
    );
  });

  test("through the router: by its MAC addresses, a hop less; also along an extra route", () => {
    const routed = [`p21 fa:16:3f:00:00:02 > ${mac(21)} ttl 63`];
    assert.deepEqual(got(sent(GATEWAY, ping({ destination: "10.0.2.21" }))), routed);
    assert.deepEqual(got(sent(GATEWAY, ping({ destination: "192.0.2.7" }))), routed);
    assert.deepEqual(sent(GATEWAY, ping({ destination: "198.51.100.7" })).ends, [
      "router r1 has no route to 198.51.100.7",
    ]);
    const shared = got(sent(GATEWAY, ping({ destination: "10.0.1.200" })));
    assert.deepEqual(
      shared,
      ["p12", "p13"].map((id) => `${id} ${GATEWAY} > ${VIRTUAL} ttl 63`),
    );
  });

  test("the router answers: echo, a port where nobody listens, a hop limit that is used up", () => {
    const answers = [
      ping({ destination: "10.0.2.1" }),
      ping({ destination: "10.0.1.1", protocol: 17, header: { type: "ports", source: 4000, destination: 33434 } }),
      ping({ destination: "10.0.2.21", ttl: 1 }),
    ].map((content) => sent(GATEWAY, content).answer);
    const text = (rest: string): string => `${GATEWAY} > ${mac(11)} IP ${rest}`;
    assert.deepEqual(
      answers.map((answer) => answer?.frame && frameText(answer.frame)),
      [
        text("10.0.2.1 > 10.0.1.11 ttl 64 protocol 1 type 0 code 0"),
        text("10.0.1.1 > 10.0.1.11 ttl 64 protocol 1 type 3 code 3"),
        text("10.0.1.1 > 10.0.1.11 ttl 64 protocol 1 type 11 code 0"),
      ],
    );
    // About an error there is no error, and a neighbour's link is not passed on.
    const error = { type: "icmp", icmpType: 3, icmpCode: 1 } as const;
    assert.equal(sent(GATEWAY, ping({ destination: "10.0.2.21", ttl: 1, header: error })).answer, undefined);
    assert.match(sent(GATEWAY, ping({ destination: "169.254.1.1" })).ends.join(), /^no router passes on/);
  });

  test("ARP, neighbours, routers and leases are answered on the sender's host", () => {
    const asked = { type: "arp", operation: 1, senderMac: mac(11), senderIp: "10.0.1.11", targetMac: mac(0) } as const;
    const arp = sent("ff:ff:ff:ff:ff:ff", { ...asked, targetIp: "10.0.1.1" });
    assert.deepEqual([arp.answer?.by, arp.answer?.frame?.source, arp.receivers], ["ARP", GATEWAY, []]);
    // Its own, and one that only its VM can answer for, go to everybody.
    for (const targetIp of ["10.0.1.11", "10.0.1.200"])
      assert.equal(sent("ff:ff:ff:ff:ff:ff", { ...asked, targetIp }).receivers.length, 2);
    const solicitation = (icmpType: number): Partial<IpContent> => ({
      source: linkLocalOf(mac(11)),
      destination: "ff02::2",
      ttl: 255,
      protocol: 58,
      header: { type: "icmp", icmpType, icmpCode: 0 },
    });
    assert.equal(sent("33:33:00:00:00:02", ping(solicitation(133))).answer?.by, "router advertisement");
    const said = { type: "neighbour", target: "fd00:1::12", linkLayer: mac(11) } as const;
    const neighbour = sent("33:33:ff:00:00:12", ping({ ...solicitation(135), said })).answer?.frame;
    assert.equal(neighbour?.source, mac(12));
    const dhcp = { type: "dhcp", message: "discover", client: mac(11), address: null } as const;
    const header = { type: "ports", source: 68, destination: 67 } as const;
    const request = { source: "0.0.0.0", destination: "255.255.255.255", protocol: 17, header, said: dhcp };
    assert.match(
      frameText(sent("ff:ff:ff:ff:ff:ff", ping(request)).answer?.frame ?? assert.fail()),
      /DHCP offer .* 10.0.1.11$/,
    );
  });

  test("port security keeps back what is not the port's own", () => {
    const kept = (content: Frame["content"], source = mac(11)): boolean =>
      sent(mac(12), content, source).egress === undefined;
    assert.equal(kept(ping({})), false);
    assert.ok(kept(ping({ source: "10.0.1.12" })) && kept(ping({}), mac(12)));
    assert.ok(kept(ping({ protocol: 17, header: { type: "ports", source: 67, destination: 68 } })));
    const arp = {
      type: "arp",
      operation: 2,
      senderMac: mac(11),
      senderIp: "10.0.1.12",
      targetMac: mac(12),
      targetIp: "10.0.1.12",
    } as const;
    assert.ok(
      kept(arp) &&
        !kept({ ...arp, senderIp: "10.0.1.11" }) &&
        kept({ ...arp, senderMac: mac(12), senderIp: "10.0.1.11" }),
    );
  });

  test("a port that is down or without an interface neither sends nor gets", () => {
    const frame = { source: mac(11), destination: mac(12), tagged: false, content: ping({}) };
    const ends = ["p11", "p12"].map((gone) =>
      fateOf(topology, { from: "p11", frame, connection: { state: "new" } }, (id) => id !== gone),
    );
    assert.deepEqual(ends.map(got), [[], []]);
    assert.deepEqual(
      ends.flatMap((fate) => fate.ends),
      ["port p11 is not plugged in", "port p12 is not plugged in"],
    );
  });
});

test("frames of every kind are in their bytes", () => {
  fc.assert(
    fc.property(sentChoices, (choice) => {
      const { frame } = sentOf(topology, choice);
      assert.equal(frameText(frameIn(bytesOf(frame))), frameText(frame));
    }),
    { numRuns: 1000 },
  );
});
