import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, type State } from "@dragonflow/engine";
import { ALL_NODES, decodePacket, type Icmp6, isNd, linkLocal, ndFault, parseIpv6, parseMac } from "@dragonflow/packet";
import { linkLocalText } from "@dragonflow/pipeline";
import {
  alone,
  host,
  ipv6,
  mac,
  neighbourSolicitation,
  network,
  type NetworkSpec,
  ping,
  port,
  portKey,
  printDesired,
  router,
  routerInterface,
  routerMac,
  routerSolicitation,
  type SubnetSpec,
  subnet,
  subnetId,
  TestBed,
  uuid,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";
import { raResponder } from "./responder.ts";

const GATEWAY_MAC = routerMac(5 * 256 + 1);
const solicitation = routerSolicitation({ mac: mac(11), ip: linkLocalText(mac(11)) });
const entry = { table: "ra", inPort: 11, registers: { sourcePort: portKey(11), network: 1 } };
const ON = ["to rest_of_services"];

/** VM 11 in network 1 with one IPv6 subnet, behind router 5. */
function stateOf(v6: Partial<SubnetSpec> = {}, net: Partial<NetworkSpec> = {}, ...more: readonly State[]): State {
  return [
    ...host(),
    ...network({ n: 1, v6: null, ...net }),
    ...subnet({ network: 1, cidr: `${ipv6(1, 0)}/64`, ...v6 }),
    ...port({ n: 11, network: 1 }),
    ...router(5, [1]),
    ...more.flat(),
  ];
}
type Advertisement = Extract<Icmp6, { kind: "router-advertisement" }>;
/** The router advertisement in a frame, after the checks that every receiver makes. */
function readAdvertisement(frame: Uint8Array): Advertisement {
  const { ethernet, ipv6: ip, icmp6 } = decodePacket(frame);
  assert.ok(ip && icmp6?.kind === "router-advertisement" && isNd(icmp6));
  assert.equal(ndFault(ip, icmp6), undefined);
  assert.deepEqual([ip.src, ip.dst], [linkLocal(parseMac(GATEWAY_MAC)), ALL_NODES]);
  assert.deepEqual([ethernet.src, ethernet.dst], [parseMac(GATEWAY_MAC), 0x333300000001]);
  return icmp6;
}
function advertised(state: State): Advertisement {
  const [reply, ...others] = new TestBed([app], state).answers(solicitation, entry);
  assert.deepEqual(others, []);
  assert.equal(reply?.outPort, 11);
  return readAdvertisement(reply.bytes);
}

test("flows of a port in a network with IPv6", () => {
  const bed = new TestBed([app], stateOf());
  verifyGolden(new URL("../golden/one-port.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});

test("a solicitation is answered with the router, the prefix, the MTU and the name servers", () => {
  const advertisement = advertised(stateOf());
  assert.deepEqual(advertisement.flags, {
    managed: false,
    otherConfiguration: false,
    homeAgent: false,
    preference: 0,
  });
  assert.ok(advertisement.routerLifetimeSeconds > 3 * 600);
  assert.deepEqual(advertisement.options, [
    { kind: "source-link-layer", mac: parseMac(GATEWAY_MAC) },
    { kind: "mtu", mtuBytes: 1442 },
    {
      kind: "prefix",
      prefixLength: 64,
      flags: { onLink: true, autonomous: true },
      validLifetimeSeconds: 0xffffffff,
      preferredLifetimeSeconds: 0xffffffff,
      prefix: parseIpv6(ipv6(1, 0)),
    },
    { kind: "rdnss", lifetimeSeconds: advertisement.routerLifetimeSeconds, servers: [parseIpv6("2001:db8::53")] },
  ]);
});

test("who gives addresses: autonomous, or managed; and other configuration", () => {
  const modes = (["slaac", "dhcpv6-stateful", "dhcpv6-stateless"] as const).map((ipv6RaMode) => {
    const { flags, options } = advertised(stateOf({ ipv6RaMode, ipv6AddressMode: ipv6RaMode }));
    const prefix = options.find((option) => option.kind === "prefix");
    return [ipv6RaMode, prefix?.flags.autonomous, flags.managed, flags.otherConfiguration];
  });
  assert.deepEqual(modes, [
    ["slaac", true, false, false],
    ["dhcpv6-stateful", false, true, false],
    ["dhcpv6-stateless", true, false, true],
  ]);
});

test("several prefixes on one link come in one advertisement, each name server once", () => {
  const second = subnet({ network: 1, id: uuid("b7", 1), cidr: "fd00:99::/64", dnsNameservers: ["2001:db8::53"] });
  const { options } = advertised(stateOf({}, {}, second));
  assert.equal(options.filter(({ kind }) => kind === "prefix").length, 2);
  const other = { ipv6RaMode: "dhcpv6-stateless", ipv6AddressMode: "dhcpv6-stateless" } as const;
  const mixed = advertised(stateOf({}, {}, subnet({ network: 1, id: uuid("b7", 1), cidr: "fd00:99::/64", ...other })));
  assert.equal(mixed.flags.otherConfiguration, true);
  const rdnss = options.find((option) => option.kind === "rdnss");
  assert.equal(rdnss?.servers.length, 1);
});

test("the interface with the subnet's gateway address advertises, and not another one of the router", () => {
  const [routerRow] = router(5, []);
  assert.ok(routerRow);
  const withoutRouter = stateOf().filter(({ id }) => !id.startsWith("e0") && !id.startsWith("d0"));
  const v4only = routerInterface({
    router: 5,
    network: 1,
    n: 7,
    addresses: [{ subnetId: subnetId(1, 4), ip: "10.0.1.1" }],
  });
  const bed = new TestBed([app], [...withoutRouter, routerRow, ...v4only]);
  assert.deepEqual(bed.send(solicitation, entry), ON);
  const v6 = routerInterface({
    router: 5,
    network: 1,
    n: 5 * 256 + 1,
    addresses: [{ subnetId: subnetId(1, 6), ip: ipv6(1, 1) }],
  });
  advertised([...withoutRouter, routerRow, ...v4only, ...v6]);
});

test("nothing is said where nobody asked us to: no mode, no router, no IPv6, or something is down", () => {
  const silent: Readonly<Record<string, State>> = {
    "no mode": stateOf({ ipv6RaMode: null }),
    "DHCP is off": stateOf({ dhcpEnabled: false }),
    "no gateway": stateOf({ gatewayIp: null }),
    "no router": stateOf().filter(({ id }) => !id.startsWith("e0")),
    "router down": stateOf().map((change) =>
      change.id.startsWith("d0") && change.row ? { ...change, row: { ...change.row, adminUp: false } } : change,
    ),
    "network down": stateOf({}, { adminUp: false }),
    "port down": [
      ...stateOf().filter(({ id }) => !id.startsWith("c0")),
      ...port({ n: 11, network: 1, adminUp: false }),
    ],
  };
  for (const [why, state] of Object.entries(silent))
    assert.deepEqual(new TestBed([app], state).send(solicitation, entry), ON, why);
});

test("everything but solicitations goes on", () => {
  const bed = new TestBed([app], stateOf());
  const from = { mac: mac(11), ip: ipv6(1, 11) };
  assert.deepEqual(bed.send(ping(from, { mac: GATEWAY_MAC, ip: ipv6(1, 1) }), entry), ON);
  assert.deepEqual(bed.send(neighbourSolicitation(from, ipv6(1, 1)), entry), ON);
});

test("an invalid solicitation is not answered", () => {
  const bed = new TestBed([app], stateOf());
  const row = bed.response("ra", portKey(11));
  const fromAfar = solicitation.with(21, 64);
  assert.deepEqual(raResponder.respond(row, { bytes: fromAfar, inPort: 11 }), []);
  assert.equal(raResponder.respond(row, { bytes: solicitation, inPort: 11 }).length, 1);
  const other = neighbourSolicitation({ mac: mac(11), ip: ipv6(1, 11) }, ipv6(1, 1));
  assert.deepEqual(raResponder.respond(row, { bytes: other, inPort: 11 }), []);
  assert.deepEqual(raResponder.respond({ type: "lease" }, { bytes: solicitation, inPort: 11 }), []);
});

test("without being asked, every port hears the same now and then", () => {
  const bed = new TestBed([app], stateOf());
  assert.ok(raResponder.periodic && raResponder.periodic.everySeconds <= 1800);
  const [announcement] = raResponder.periodic.announce(bed.response("ra", portKey(11)));
  const [answer] = bed.answers(solicitation, entry);
  assert.deepEqual(announcement, answer);
});

test("the way to a state does not matter", () => {
  const second = subnet({ network: 1, id: uuid("b7", 1), cidr: "fd00:99::/64" });
  const states = [
    stateOf(),
    stateOf({ ipv6RaMode: null }),
    stateOf({}, {}, second),
    stateOf({}, { mtuBytes: 1400 }),
    [],
  ];
  checkApp(app.compile, states, alone);
});

test("of 200 ports, one changed: one unit ran; remote ports cost nothing", () => {
  const many = [...stateOf(), ...Array.from({ length: 200 }, (_, i) => port({ n: 20 + i, network: 1 })).flat()];
  const down = port({ n: 77, network: 1, adminUp: false });
  assert.deepEqual(costOf(app.compile, many, down, alone), { unitsRun: 1, outputsChanged: 3 });
  const remote = port({ n: 900, network: 1, chassis: "host2" });
  assert.deepEqual(costOf(app.compile, many, remote, alone), { unitsRun: 0, outputsChanged: 0 });
});
