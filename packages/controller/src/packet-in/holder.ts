import {
  arpAnnouncement,
  encodePacket,
  neighbourAnnouncement,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "@dragonflow/packet";
import { type Holder, isIpv6 } from "@dragonflow/pipeline";
import type { Injected } from "./outbox.ts";

/**
 * What tells a network who holds an address now, as its holder would say it itself: an ARP announcement (RFC 5227 section 3), an unsolicited
 * neighbour advertisement (RFC 4861 section 7.2.6). An address that was somebody else's a moment ago stays with the old MAC address in the caches of
 * others for as long as a minute: requests are answered on their own hosts, so no request of the new holder ever reaches them.
 */
export function holderAnnouncements({ ofport, mac, ips }: Holder): readonly Injected[] {
  const src = parseMac(mac);
  return ips.map((ip) => {
    const layers = isIpv6(ip) ? neighbourAnnouncement(src, parseIpv6(ip)) : arpAnnouncement(src, parseIpv4(ip));
    return { bytes: encodePacket(layers), inPort: ofport };
  });
}
