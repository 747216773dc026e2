import { list, oneOf, Reader, rest, struct, tlvs, u16, u32, u8, type ValueOf, Writer } from "@dragonflow/wire";
import { ip6, type Ipv6Address } from "./addresses.ts";
import { domainName, text } from "./domain-name.ts";

/** UDP ports and groups (RFC 8415 section 7.1, 7.2). */
export const DHCP6_PORT = { server: 547, client: 546 } as const;
/** ff02::1:2, all relay agents and servers. */
export const DHCP6_SERVERS: Ipv6Address = 0xff020000000000000000000000010002n;

/** `code:16 | length:16 | value` (RFC 8415 section 21.1). */
const layout = { typeBytes: 2, lengthBytes: 2 } as const;

const status = { type: 13, value: struct({ code: u16, message: text }) } as const;
const addressOptions = tlvs(layout, { status });
/**
 * What stands inside an identity association: addresses, delegated prefixes, a status (RFC 8415 sections 21.4 to
 * 21.6, 21.21, 21.22).
 */
const associationOptions = tlvs(layout, {
  address: {
    type: 5,
    value: struct({ address: ip6, preferredLifetimeSeconds: u32, validLifetimeSeconds: u32, options: addressOptions }),
  },
  prefix: {
    type: 26,
    value: struct({
      preferredLifetimeSeconds: u32,
      validLifetimeSeconds: u32,
      prefixLength: u8,
      prefix: ip6,
      options: addressOptions,
    }),
  },
  status,
});
const association = struct({ iaid: u32, t1Seconds: u32, t2Seconds: u32, options: associationOptions });

/** Options, one row per kind: RFC 8415 section 21, RFC 3646, RFC 5970. Others are kept as `other`. */
const options = tlvs(layout, {
  "client-id": { type: 1, value: struct({ duid: rest }) },
  "server-id": { type: 2, value: struct({ duid: rest }) },
  "ia-na": { type: 3, value: association },
  "ia-ta": { type: 4, value: struct({ iaid: u32, options: associationOptions }) },
  "option-request": { type: 6, value: struct({ codes: list(u16) }) },
  preference: { type: 7, value: struct({ value: u8 }) },
  "elapsed-time": { type: 8, value: struct({ hundredthsOfSecond: u16 }) },
  "relay-message": { type: 9, value: struct({ message: rest }) },
  "server-unicast": { type: 12, value: struct({ address: ip6 }) },
  status,
  "rapid-commit": { type: 14, value: struct({}) },
  "interface-id": { type: 18, value: struct({ id: rest }) },
  "reconfigure-accept": { type: 20, value: struct({}) },
  "dns-servers": { type: 23, value: struct({ servers: list(ip6) }) },
  "domain-search": { type: 24, value: struct({ domains: list(domainName) }) },
  "ia-pd": { type: 25, value: association },
  "information-refresh-time": { type: 32, value: struct({ seconds: u32 }) },
  "boot-file-url": { type: 59, value: struct({ url: text }) },
  "sol-max-rt": { type: 82, value: struct({ seconds: u32 }) },
  "inf-max-rt": { type: 83, value: struct({ seconds: u32 }) },
});
export type Dhcp6Option = ValueOf<typeof options>[number];

/** Status codes (RFC 8415 section 21.13). */
export const Dhcp6Status = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
  noPrefixAvail: 6,
} as const;

const clientTypes = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  "information-request": 11,
} as const;
const relayTypes = { "relay-forward": 12, "relay-reply": 13 } as const;
const messageType = oneOf(u8, { ...clientTypes, ...relayTypes });

export type Dhcp6ClientType = keyof typeof clientTypes;
export type Dhcp6RelayType = keyof typeof relayTypes;

/** A DHCPv6 message: between client and server (RFC 8415 section 8), or between relay and server (section 9). */
export type Dhcp6 =
  | { type: Dhcp6ClientType; transactionId: number; options: Dhcp6Option[] }
  | {
      type: Dhcp6RelayType;
      hopCount: number;
      linkAddress: Ipv6Address;
      peerAddress: Ipv6Address;
      options: Dhcp6Option[];
    };

/**
 * Takes a DHCPv6 message apart: the payload of a UDP datagram. The message inside a relay's (`relay-message`) stays
 * bytes.
 * @throws {DecodeError} `bad-value` (no such message type), `bad-length`, `truncated`.  Pure; inverse of {@link
 * encodeDhcp6}.
 */
export function decodeDhcp6(bytes: Uint8Array): Dhcp6 {
  const r = new Reader(bytes);
  const type = messageType.read(r);
  if (isRelay(type)) {
    return {
      type,
      hopCount: r.u8("hop count"),
      linkAddress: ip6.read(r),
      peerAddress: ip6.read(r),
      options: options.read(r),
    };
  }
  return { type, transactionId: r.u24("transaction id"), options: options.read(r) };
}

/** @throws {EncodeError} `out-of-range`, `too-long`, `bad-value`.  Pure; inverse of {@link decodeDhcp6}. */
export function encodeDhcp6(message: Dhcp6): Uint8Array {
  const w = new Writer();
  messageType.write(w, message.type, "type");
  if ("transactionId" in message) {
    w.u24(message.transactionId, "transactionId");
  } else {
    w.u8(message.hopCount, "hopCount");
    ip6.write(w, message.linkAddress, "linkAddress");
    ip6.write(w, message.peerAddress, "peerAddress");
  }
  options.write(w, message.options, "options");
  return w.slice();
}

function isRelay(type: Dhcp6ClientType | Dhcp6RelayType): type is Dhcp6RelayType {
  return type in relayTypes;
}
