/** What a client hears, message by message (RFC 2131). */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DHCP4_OPTIONS,
  type Dhcp4,
  type Dhcp4Options,
  decodeDhcp4,
  decodePacket,
  IPV4_BROADCAST,
  MAC_BROADCAST,
  mask4,
  parseIpv4,
  parseMac,
} from "@dragonflow/packet";
import {
  dhcpRequest,
  host,
  ipv4,
  mac,
  network,
  type NetworkSpec,
  port,
  portKey,
  type PortSpec,
  router,
  routerMac,
  type SubnetSpec,
  subnet,
  TestBed,
  udp,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

const OWN = mac(11);
const GATEWAY = { mac: routerMac(5 * 256 + 1), ip: ipv4(1, 1) };
const entry = { table: "dhcp", inPort: 11, registers: { sourcePort: portKey(11), network: 1 } };

interface Settings {
  readonly network?: Partial<NetworkSpec>;
  readonly subnet?: Partial<SubnetSpec>;
  readonly port?: Partial<PortSpec>;
  readonly gateway?: boolean;
}
function bedOf(settings: Settings = {}): TestBed {
  const { gateway = true } = settings;
  return new TestBed(
    [app],
    [
      ...host(),
      ...network({ n: 1, v4: null, ...settings.network }),
      ...subnet({ network: 1, cidr: `${ipv4(1, 0)}/24`, ...settings.subnet }),
      ...port({ n: 11, network: 1, ...settings.port }),
      ...(gateway ? router(5, [1]) : []),
    ],
  );
}

type Message = Parameters<typeof dhcpRequest>[0];
type Ends = Parameters<typeof dhcpRequest>[2];
interface Heard {
  readonly message: Dhcp4;
  readonly to: { readonly mac: number; readonly ip: number };
  readonly from: { readonly mac: number; readonly ip: number };
}
/** The server's answers to a client's message. */
function ask(bed: TestBed, message: Message, ends: Ends = {}): Heard | undefined {
  const [reply, ...others] = bed.answers(dhcpRequest(message, OWN, ends), entry);
  assert.deepEqual(others, []);
  if (reply === undefined) return undefined;
  assert.equal(reply.outPort, 11);
  const { ethernet, ipv4: ip, udp: ports, payload } = decodePacket(reply.bytes);
  assert.ok(ip && ports && payload);
  assert.deepEqual([ports.sourcePort, ports.destinationPort], [67, 68]);
  return {
    message: decodeDhcp4(payload),
    to: { mac: ethernet.dst, ip: ip.dst },
    from: { mac: ethernet.src, ip: ip.src },
  };
}
const optionsOf = (bed: TestBed, message: Message = discover): Dhcp4Options => ask(bed, message)?.message.options ?? {};
const discover: Message = { options: { messageType: "discover" } };
const address = parseIpv4(ipv4(1, 11));
const server = parseIpv4(GATEWAY.ip);
const wants = (requestedAddress: string, serverIdentifier?: string): Message => ({
  options: {
    messageType: "request",
    requestedAddress: parseIpv4(requestedAddress),
    ...(serverIdentifier !== undefined && { serverIdentifier: parseIpv4(serverIdentifier) }),
  },
});
const uses = (ip: string): Message => ({ ciaddr: parseIpv4(ip), options: { messageType: "request" } });

test("DISCOVER: an offer, from the gateway, to the address that is offered", () => {
  const heard = ask(bedOf(), discover);
  assert.equal(heard?.message.op, "reply");
  assert.equal(heard.message.xid, 0x1234);
  assert.equal(heard.message.yiaddr, address);
  assert.equal(heard.message.chaddr, parseMac(OWN));
  assert.deepEqual(heard.to, { mac: parseMac(OWN), ip: address });
  assert.deepEqual(heard.from, { mac: parseMac(GATEWAY.mac), ip: server });
  assert.deepEqual(heard.message.options, {
    messageType: "offer",
    serverIdentifier: server,
    leaseTimeSeconds: 86_400,
    renewalTimeSeconds: 43_200,
    rebindingTimeSeconds: 75_600,
    subnetMask: mask4(24),
    routers: [server],
    dnsServers: [parseIpv4("192.0.2.53")],
    hostName: "host-10-0-1-11",
    mtuBytes: 1442,
  });
});

test("the numbers of the options that matter are in the message: 1 3 6 12 26 51 54 58 59", () => {
  const codes = Object.keys(optionsOf(bedOf())).map(
    (name) => Object.entries(DHCP4_OPTIONS).find(([n]) => n === name)?.[1].code,
  );
  assert.deepEqual(
    codes.toSorted((a = 0, b = 0) => a - b),
    [1, 3, 6, 12, 26, 51, 53, 54, 58, 59],
  );
});

test("a client that cannot take a unicast yet is answered by broadcast", () => {
  const heard = ask(bedOf(), { ...discover, broadcast: true });
  assert.deepEqual(heard?.to, { mac: MAC_BROADCAST, ip: IPV4_BROADCAST });
  assert.equal(heard.message.broadcast, true);
  // One that has an address can.
  const renewing = ask(bedOf(), { ...uses(ipv4(1, 11)), broadcast: true });
  assert.deepEqual(renewing?.to, { mac: parseMac(OWN), ip: address });
});

test("REQUEST in each of its states: acknowledged where it is the port's address", () => {
  const bed = bedOf();
  const acknowledged: Readonly<Record<string, Heard | undefined>> = {
    selecting: ask(bed, wants(ipv4(1, 11), GATEWAY.ip)),
    "init-reboot": ask(bed, wants(ipv4(1, 11))),
    renewing: ask(bed, uses(ipv4(1, 11)), { ip: ipv4(1, 11), server: GATEWAY }),
    rebinding: ask(bed, uses(ipv4(1, 11)), { ip: ipv4(1, 11) }),
  };
  for (const [state, heard] of Object.entries(acknowledged)) {
    assert.equal(heard?.message.options.messageType, "ack", state);
    assert.equal(heard.message.yiaddr, address, state);
    assert.equal(heard.message.options.leaseTimeSeconds, 86_400, state);
    assert.deepEqual(heard.to, { mac: parseMac(OWN), ip: address }, state);
  }
  assert.equal(acknowledged["renewing"]?.message.ciaddr, address);
});

test("REQUEST for another address: refused, by broadcast", () => {
  const bed = bedOf();
  for (const [state, heard] of Object.entries({
    selecting: ask(bed, wants(ipv4(1, 12), GATEWAY.ip)),
    "init-reboot": ask(bed, wants("192.168.1.7")),
    renewing: ask(bed, uses(ipv4(1, 12))),
    "without any": ask(bed, { options: { messageType: "request" } }),
  })) {
    assert.equal(heard?.message.options.messageType, "nak", state);
    assert.equal(heard.message.yiaddr, 0, state);
    assert.equal(heard.message.ciaddr, 0, state);
    assert.deepEqual(heard.to, { mac: MAC_BROADCAST, ip: IPV4_BROADCAST }, state);
    assert.deepEqual(
      Object.keys(heard.message.options).toSorted(),
      ["message", "messageType", "serverIdentifier"],
      state,
    );
  }
});

test("REQUEST to another server is none of our business", () => {
  assert.equal(ask(bedOf(), wants(ipv4(1, 11), "10.0.1.254")), undefined);
});

test("INFORM: what there is to know, without a lease", () => {
  const heard = ask(bedOf(), { ciaddr: address, options: { messageType: "inform" } }, { ip: ipv4(1, 11) });
  assert.equal(heard?.message.options.messageType, "ack");
  assert.equal(heard.message.yiaddr, 0);
  assert.deepEqual(heard.to, { mac: parseMac(OWN), ip: address });
  assert.deepEqual(heard.message.options.routers, [server]);
  for (const name of ["leaseTimeSeconds", "renewalTimeSeconds", "rebindingTimeSeconds"] as const)
    assert.equal(heard.message.options[name], undefined);
});

test("DECLINE and RELEASE change nothing; replies, and messages for another, are not answered", () => {
  const bed = bedOf();
  for (const messageType of ["decline", "release", "offer", "ack", "nak"] as const)
    assert.equal(ask(bed, { options: { messageType } }), undefined, messageType);
  assert.equal(ask(bed, { options: {} }), undefined);
  assert.equal(ask(bed, { ...discover, chaddr: parseMac(mac(12)) }), undefined);
});

test("a checksum that the network card was to fill in does not matter", () => {
  const frame = dhcpRequest(discover, OWN);
  frame.set([0xde, 0xad], 14 + 20 + 6);
  assert.equal(bedOf().answers(frame, entry).length, 1);
});

test("what is no DHCP is counted as undecodable", () => {
  const frame = udp({ mac: OWN, ip: ipv4(1, 11) }, GATEWAY, { sourcePort: 68, destinationPort: 67 });
  assert.throws(() => bedOf().answers(frame, entry), { name: "DecodeError" });
});

test("the client's identifier comes back (RFC 6842)", () => {
  const clientIdentifier = Uint8Array.of(1, 2, 3);
  const bed = bedOf();
  for (const messageType of ["discover", "request"] as const)
    assert.deepEqual(optionsOf(bed, { options: { messageType, clientIdentifier } }).clientIdentifier, clientIdentifier);
});

test("a subnet's host routes come with the default route, for those who then ignore option 3 (RFC 3442)", () => {
  const hostRoutes = [
    { destination: "172.16.0.0/12", nexthop: ipv4(1, 2) },
    { destination: "2001:db8::/32", nexthop: "fd00::2" },
  ];
  const routes = optionsOf(bedOf({ subnet: { hostRoutes } })).classlessRoutes ?? [];
  assert.deepEqual(
    routes.map(({ destination, gateway }) => [destination.address, destination.prefixLength, gateway]),
    [
      [parseIpv4("172.16.0.0"), 12, parseIpv4(ipv4(1, 2))],
      [0, 0, server],
    ],
  );
  const without = optionsOf(bedOf({ subnet: { hostRoutes, gatewayIp: null } })).classlessRoutes;
  assert.equal(without?.length, 1);
  const own = [...hostRoutes, { destination: "0.0.0.0/0", nexthop: ipv4(1, 2) }];
  assert.equal(optionsOf(bedOf({ subnet: { hostRoutes: own } })).classlessRoutes?.length, 2);
});

test("names: of the port, and of the network's domain (12, 15)", () => {
  const bed = bedOf({ network: { dnsDomain: "cloud.example." }, port: { hostname: "vm-7" } });
  assert.equal(optionsOf(bed).hostName, "vm-7");
  assert.equal(optionsOf(bed).domainName, "cloud.example");
});

test("a subnet without a gateway, a router, or name servers", () => {
  const bed = bedOf({ gateway: false, subnet: { gatewayIp: null, dnsNameservers: ["2001:db8::53"] } });
  const heard = ask(bed, discover);
  assert.equal(heard?.message.yiaddr, address);
  assert.equal(heard.message.options.routers, undefined);
  assert.equal(heard.message.options.dnsServers, undefined);
  assert.equal(heard.message.options.serverIdentifier, heard.from.ip);
  assert.equal(ask(bed, wants(ipv4(1, 11), "169.254.0.1"))?.message.options.messageType, "ack");
  assert.deepEqual(ask(bedOf({ gateway: false }), discover)?.message.options.routers, [server]);
});

const option = (name: string, value: string, ipVersion: 4 | 6 = 4) => ({ ipVersion, name, value });

test("the user's options, by name or number, known or not, win", () => {
  const dhcpOptions = [
    option("mtu", "1400"),
    option("dns-server", "198.51.100.1,198.51.100.2"),
    option("bootfile-name", "pxelinux.0"),
    option("tftp-server", "198.51.100.9"),
    option("server-ip-address", "198.51.100.8"),
    option("150", "198.51.100.7"),
    option("ntp-server", "198.51.100.6"),
    option("224", "0a:0b"),
    option("T1", "100"),
    option("51", "300"),
    option("dns-server", "2001:db8::1", 6),
  ];
  const bed = bedOf({ port: { dhcpOptions } });
  const message = ask(bed, discover)?.message;
  assert.equal(message?.siaddr, parseIpv4("198.51.100.8"));
  assert.equal(message.file, "pxelinux.0");
  const { options } = message;
  assert.equal(options.mtuBytes, 1400);
  assert.deepEqual(options.dnsServers, [parseIpv4("198.51.100.1"), parseIpv4("198.51.100.2")]);
  assert.equal(options.bootFileName, "pxelinux.0");
  assert.equal(options.tftpServerName, "198.51.100.9");
  assert.deepEqual(options.tftpServers, [parseIpv4("198.51.100.7")]);
  assert.deepEqual(options.ntpServers, [parseIpv4("198.51.100.6")]);
  assert.deepEqual(options.other, [{ code: 224, bytes: Uint8Array.of(10, 11) }]);
  assert.deepEqual(
    [options.leaseTimeSeconds, options.renewalTimeSeconds, options.rebindingTimeSeconds],
    [300, 100, 262],
  );
  // Who asks for option 67 gets the option, and keeps the field for what it was made for.
  const asking: Message = { options: { messageType: "discover", parameterRequestList: [67] } };
  assert.equal(ask(bed, asking)?.message.file, "");
});

test("a bad option does not break the lease: it is left out, and says why", () => {
  const dhcpOptions = [
    option("no-such-option", "1"),
    option("mtu", "many"),
    option("dns-server", "not an address"),
    option("server-ip-address", "2001:db8::1"),
    option("bootfile-name", "\u{1f600}"),
    option("53", "2"),
    option("54", "198.51.100.1"),
    option("255", "1"),
    option("0", "1"),
    option("ntp-server", "198.51.100.6"),
  ];
  const bed = bedOf({ port: { dhcpOptions } });
  const message = ask(bed, discover)?.message;
  assert.equal(message?.options.messageType, "offer");
  assert.equal(message.options.serverIdentifier, server);
  assert.equal(message.options.mtuBytes, 1442);
  assert.equal(message.siaddr, 0);
  assert.deepEqual(message.options.ntpServers, [parseIpv4("198.51.100.6")]);
  const row = bed.response("dhcp", portKey(11));
  assert.ok("refused" in row && Array.isArray(row.refused) && row.refused.length === dhcpOptions.length - 1);
});

test("a client that takes no long message gets what it needs and asked for", () => {
  const dhcpOptions = Array.from({ length: 4 }, (_, i) => option(String(224 + i), "x".repeat(200)));
  const bed = bedOf({ port: { dhcpOptions }, network: { dnsDomain: "cloud.example" } });
  const heard = (maximumMessageBytes: number | undefined, ...parameterRequestList: number[]): Dhcp4Options =>
    optionsOf(bed, {
      options: { messageType: "discover", ...(maximumMessageBytes && { maximumMessageBytes }), parameterRequestList },
    });
  assert.equal(heard(1500).other?.length, 4);
  assert.equal(heard(576, 15).other, undefined);
  assert.equal(heard(576, 15).domainName, "cloud.example");
  assert.deepEqual(heard(576, 15).routers, [server]);
  assert.equal(heard(576, 15, 225).other?.length, 1);
  // The same for options that we know.
  const known = bedOf({
    port: { dhcpOptions: ["root-path", "nis-domain"].map((name) => option(name, "x".repeat(200))) },
  });
  const asking = (...parameterRequestList: number[]): Dhcp4Options =>
    optionsOf(known, { options: { messageType: "discover", parameterRequestList } });
  assert.deepEqual([asking(17).rootPath?.length, asking(17).nisDomain], [200, undefined]);
  assert.equal(asking(17, 40).rootPath, undefined);
  assert.deepEqual(asking(17, 40).routers, [server]);
  const [reply] = bed.answers(dhcpRequest(discover, OWN), entry);
  assert.ok(reply && reply.bytes.length <= 14 + 576);
});
