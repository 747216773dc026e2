import {
  contains,
  decodePacket,
  encodePacket,
  formatIp,
  type Icmp4ErrorMessage,
  type Icmp6ErrorMessage,
  icmp4Error,
  icmp6Error,
  type LayersToEncode,
  parseCidr,
  parseIp,
  Unreachable6Code,
  UnreachableCode,
} from "@dragonflow/packet";
import { defineResponder, type PuntedPacket, type Reply } from "@dragonflow/pipeline";

/** Who answers for a router on one of its networks: the interface that the packet came in by (RFC 1812 section 4.3.2.4). */
export interface ErrorSource {
  readonly type: "error-source";
  /** Addresses of the interface: a packet to one of these found nobody listening, any other ran out of hops. */
  readonly own: readonly string[];
  /** All addresses of the router on the network, each with the prefix that it serves. */
  readonly network: readonly { readonly ip: string; readonly cidr: string }[];
}

function isErrorSource(row: object): row is ErrorSource {
  return "type" in row && row.type === "error-source";
}

export const errorResponder = defineResponder<ErrorSource>({
  name: "icmp-error",
  number: 4,
  is: isErrorSource,
  respond,
});

function respond(source: ErrorSource, { bytes, inPort }: PuntedPacket): readonly Reply[] {
  const { ipv4, ipv6 } = decodePacket(bytes, { verify: false });
  const header = ipv4 ?? ipv6;
  if (header === undefined) return [];
  const toRouter = source.own.includes(formatIp(header.dst));
  const from = toRouter ? header.dst : addressFor(header.src, source);
  const answer = from === undefined ? undefined : error(bytes, from, toRouter);
  return answer === undefined ? [] : [{ bytes: encodePacket(answer), outPort: inPort }];
}

/** The router's address on the sender's own subnet; of several subnets that are not the sender's, the first. */
function addressFor(sender: number | bigint, { network }: ErrorSource): number | bigint | undefined {
  const family = network.filter(({ ip }) => typeof parseIp(ip) === typeof sender);
  const own = family.find(({ cidr }) => contains(parseCidr(cidr), sender)) ?? family[0];
  return own && parseIp(own.ip);
}

/** Back to where the packet came from, by the MAC address that it was sent to. */
function error(original: Uint8Array, from: number | bigint, toRouter: boolean): LayersToEncode | undefined {
  if (typeof from === "bigint") {
    const message: Icmp6ErrorMessage = toRouter
      ? { kind: "unreachable", code: Unreachable6Code.port }
      : { kind: "time-exceeded", code: 0 };
    return icmp6Error(original, message, { ip: from });
  }
  const message: Icmp4ErrorMessage = toRouter
    ? { kind: "unreachable", code: UnreachableCode.port, mtuBytes: 0 }
    : { kind: "time-exceeded", code: 0 };
  return icmp4Error(original, message, { ip: from });
}
