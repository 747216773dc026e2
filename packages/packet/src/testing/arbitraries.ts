import fc from "fast-check";
import type { Ipv4Option, Ipv6Extension, Layers, NdOption, TcpOption } from "../index.ts";

/** Plain objects, as a decoder makes them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { noNullPrototype: true });
const is = <const T>(value: T) => fc.constant(value);
const max = 0xffffffff;
const byte = fc.nat(0xff);
const word = fc.nat(0xffff);
const long = fc.nat(max);
const flag = fc.boolean();
const bytes = fc.uint8Array({ maxLength: 40 });
export const mac = fc.nat(0xffffffffffff);
export const ipv4Address = long;
export const ipv6Address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
export const domain = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));

const ethernet = (etherType: fc.Arbitrary<number>) =>
  record({
    src: mac,
    dst: mac,
    vlans: fc.array(record({ id: fc.nat(4095), priority: fc.nat(7), dropEligible: flag, service: flag }), {
      maxLength: 2,
    }),
    etherType,
  });
const arp = record({ operation: word, senderMac: mac, senderIp: long, targetMac: mac, targetIp: long });

const ipv4Option: fc.Arbitrary<Ipv4Option> = fc.oneof(
  record({ kind: is("nop") }),
  record({ kind: is("router-alert"), value: word }),
  record({
    kind: fc.constantFrom("record-route", "loose-source-route", "strict-source-route"),
    pointer: fc.constantFrom(4, 8, 16),
    addresses: fc.array(long, { maxLength: 2 }),
  }),
  record({ kind: is("other"), type: fc.constantFrom(68, 130, 136), bytes: fc.uint8Array({ maxLength: 8 }) }),
);
const ipv4 = (protocol: fc.Arbitrary<number>, moreFragments: fc.Arbitrary<boolean>, offset: fc.Arbitrary<number>) =>
  record({
    src: long,
    dst: long,
    protocol,
    ttl: byte,
    dscp: fc.nat(63),
    ecn: fc.nat(3),
    id: word,
    dontFragment: flag,
    moreFragments,
    fragmentOffsetBytes: offset.map((units) => units * 8),
    options: fc.array(ipv4Option, { maxLength: 3 }),
  });

const ipv6Options = fc.array(
  fc.oneof(
    record({ kind: is("router-alert"), value: word }),
    record({ kind: is("other"), type: fc.constantFrom(0x1e, 0xc9), bytes }),
  ),
  { maxLength: 3 },
);
const extension: fc.Arbitrary<Ipv6Extension> = fc.oneof(
  record({ kind: fc.constantFrom("hop-by-hop", "destination"), options: ipv6Options }),
  record({
    kind: is("routing"),
    routingType: fc.constantFrom(0, 2, 4, 253),
    segmentsLeft: fc.nat(2),
    bytes: fc.constantFrom(20, 36).chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
  }),
  record({ kind: is("fragment"), offsetBytes: is(0), more: is(false), id: long }),
);
const ipv6 = (protocol: fc.Arbitrary<number>) =>
  record({
    src: ipv6Address,
    dst: ipv6Address,
    protocol,
    hopLimit: byte,
    dscp: fc.nat(63),
    ecn: fc.nat(3),
    flowLabel: fc.nat(0xfffff),
    extensions: fc.array(extension, { maxLength: 3 }),
  });

const udp = record({ sourcePort: word, destinationPort: word });
const tcpOption: fc.Arbitrary<TcpOption> = fc.oneof(
  record({ kind: fc.constantFrom("nop", "sack-permitted") }),
  record({ kind: is("mss"), mssBytes: word }),
  record({ kind: is("window-scale"), shift: byte }),
  record({ kind: is("timestamps"), value: long, echoReply: long }),
  record({ kind: is("sack"), blocks: fc.array(record({ left: long, right: long }), { maxLength: 1 }) }),
  record({ kind: is("other"), type: is(254), bytes: fc.uint8Array({ maxLength: 6 }) }),
);
const tcp = record({
  sourcePort: word,
  destinationPort: word,
  sequence: long,
  acknowledgement: long,
  flags: record({ ae: flag, cwr: flag, ece: flag, urg: flag, ack: flag, psh: flag, rst: flag, syn: flag, fin: flag }),
  windowBytes: word,
  urgentPointer: word,
  options: fc.array(tcpOption, { maxLength: 4 }),
});

const code = byte;
const echo = record({
  kind: fc.constantFrom("echo-request", "echo-reply"),
  code,
  id: word,
  sequence: word,
  payload: bytes,
});
const icmp4 = fc.oneof(
  echo,
  record({ kind: is("unreachable"), code, mtuBytes: word, quoted: bytes }),
  record({ kind: is("redirect"), code, gateway: long, quoted: bytes }),
  record({ kind: is("time-exceeded"), code, quoted: bytes }),
  record({ kind: is("parameter-problem"), code, pointer: byte, quoted: bytes }),
  record({
    kind: fc.constantFrom("timestamp-request", "timestamp-reply"),
    code,
    id: word,
    sequence: word,
    originateMs: long,
    receiveMs: long,
    transmitMs: long,
  }),
  record({ kind: is("other"), type: fc.constantFrom(4, 9, 42, 255), code, bytes }),
);

const ndOption: fc.Arbitrary<NdOption> = fc.oneof(
  record({ kind: fc.constantFrom("source-link-layer", "target-link-layer"), mac }),
  record({
    kind: is("prefix"),
    prefixLength: byte,
    flags: record({ onLink: flag, autonomous: flag }),
    validLifetimeSeconds: long,
    preferredLifetimeSeconds: long,
    prefix: ipv6Address,
  }),
  record({ kind: is("mtu"), mtuBytes: long }),
  record({ kind: is("rdnss"), lifetimeSeconds: long, servers: fc.array(ipv6Address, { maxLength: 3 }) }),
  record({ kind: is("dnssl"), lifetimeSeconds: long, domains: fc.array(domain, { maxLength: 3 }) }),
  record({ kind: is("other"), type: is(14), bytes: fc.uint8Array({ minLength: 6, maxLength: 6 }) }),
);
const ndOptions = fc.array(ndOption, { maxLength: 4 });
const icmp6 = fc.oneof(
  echo,
  record({ kind: fc.constantFrom("unreachable", "time-exceeded"), code, quoted: bytes }),
  record({ kind: is("packet-too-big"), code, mtuBytes: long, quoted: bytes }),
  record({ kind: is("parameter-problem"), code, pointer: long, quoted: bytes }),
  record({ kind: is("router-solicitation"), code, options: ndOptions }),
  record({
    kind: is("router-advertisement"),
    code,
    currentHopLimit: byte,
    flags: record({ managed: flag, otherConfiguration: flag, homeAgent: flag, preference: fc.nat(3) }),
    routerLifetimeSeconds: word,
    reachableTimeMs: long,
    retransmitTimerMs: long,
    options: ndOptions,
  }),
  record({ kind: is("neighbour-solicitation"), code, target: ipv6Address, options: ndOptions }),
  record({
    kind: is("neighbour-advertisement"),
    code,
    flags: record({ router: flag, solicited: flag, override: flag }),
    target: ipv6Address,
    options: ndOptions,
  }),
  record({ kind: is("nd-redirect"), code, target: ipv6Address, destination: ipv6Address, options: ndOptions }),
  record({ kind: is("other"), type: fc.constantFrom(100, 130, 143), code, bytes }),
);

const eth4 = ethernet(is(0x0800));
const eth6 = ethernet(is(0x86dd));
const whole = is(false);
const zero = is(0);
/** A protocol that is neither read here nor an extension header. */
const unread = fc.constantFrom(2, 47, 50, 132, 253);

/** Any frame that {@link decodePacket} may give: every kind of layer, every option. */
export const layers: fc.Arbitrary<Layers> = fc.oneof(
  record({ ethernet: ethernet(fc.constantFrom(0x0027, 0x88cc, 0x8847)), payload: bytes }),
  record({ ethernet: ethernet(is(0x0806)), arp }),
  record({ ethernet: eth4, ipv4: ipv4(unread, whole, zero), payload: bytes }),
  record({ ethernet: eth4, ipv4: ipv4(byte, is(true), fc.nat(8191)), payload: bytes }),
  record({ ethernet: eth4, ipv4: ipv4(byte, flag, fc.integer({ min: 1, max: 8191 })), payload: bytes }),
  record({ ethernet: eth4, ipv4: ipv4(is(1), whole, zero), icmp4 }),
  record({ ethernet: eth4, ipv4: ipv4(is(17), whole, zero), udp, payload: bytes }),
  record({ ethernet: eth4, ipv4: ipv4(is(6), whole, zero), tcp, payload: bytes }),
  record({ ethernet: eth6, ipv6: ipv6(unread), payload: bytes }),
  record({ ethernet: eth6, ipv6: ipv6(is(58)), icmp6 }),
  record({ ethernet: eth6, ipv6: ipv6(is(17)), udp, payload: bytes }),
  record({ ethernet: eth6, ipv6: ipv6(is(6)), tcp, payload: bytes }),
);
