import {
  decodePacket,
  encodePacket,
  formatIp,
  type Icmp4ErrorMessage,
  type Icmp6ErrorMessage,
  icmp4Error,
  icmp6Error,
  type LayersToEncode,
  parseIpv4,
  parseIpv6,
  Unreachable6Code,
  UnreachableCode,
} from "@dragonflow/packet";
import { defineResponder, type PuntedPacket, type Reply } from "@dragonflow/pipeline";

/** Who answers for a router on one of its networks: the interface that the packet came in by (RFC 1812 section 4.3.2.4). */
export interface ErrorSource {
  readonly type: "error-source";
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  /** All addresses of the router: a packet to one of these found nobody listening, any other ran out of hops. */
  readonly own: readonly string[];
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
  const packet = decodePacket(bytes, { verify: false });
  const destination = packet.ipv4?.dst ?? packet.ipv6?.dst;
  if (destination === undefined) return [];
  const answer = error(source, bytes, destination);
  return answer === undefined ? [] : [{ bytes: encodePacket(answer), outPort: inPort }];
}

/** From the address that the packet was for, or from that of the side that it came in by; never with a MAC that the sender does not know. */
function error(source: ErrorSource, original: Uint8Array, destination: number | bigint): LayersToEncode | undefined {
  const toRouter = source.own.includes(formatIp(destination));
  if (typeof destination === "bigint") {
    const from = toRouter ? destination : source.ipv6 === null ? undefined : parseIpv6(source.ipv6);
    const message: Icmp6ErrorMessage = toRouter
      ? { kind: "unreachable", code: Unreachable6Code.port }
      : { kind: "time-exceeded", code: 0 };
    return from === undefined ? undefined : icmp6Error(original, message, { ip: from });
  }
  const from = toRouter ? destination : source.ipv4 === null ? undefined : parseIpv4(source.ipv4);
  const message: Icmp4ErrorMessage = toRouter
    ? { kind: "unreachable", code: UnreachableCode.port, mtuBytes: 0 }
    : { kind: "time-exceeded", code: 0 };
  return from === undefined ? undefined : icmp4Error(original, message, { ip: from });
}
