import { decodePacket, encodePacket, formatIpv6, neighbourAdvertisement, parseMac } from "@dragonflow/packet";
import { defineResponder, type PuntedPacket, type Reply } from "@dragonflow/pipeline";

/** An address holder in whose name duplicate address detection is answered. */
export interface Defended {
  readonly type: "defended";
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly router: boolean;
}

function isDefended(row: object): row is Defended {
  return "type" in row && row.type === "defended";
}

export const defender = defineResponder<Defended>({ name: "nd", number: 3, is: isDefended, respond });

function respond(row: Defended, { bytes, inPort }: PuntedPacket): readonly Reply[] {
  const packet = decodePacket(bytes);
  if (packet.icmp6?.kind !== "neighbour-solicitation" || !row.addresses.includes(formatIpv6(packet.icmp6.target)))
    return [];
  const answer = neighbourAdvertisement(packet, parseMac(row.mac), { router: row.router });
  return answer === undefined ? [] : [{ bytes: encodePacket(answer), outPort: inPort }];
}
