import {
  DHCP4_PORT,
  type Dhcp4,
  type Dhcp4Options,
  decodeDhcp4,
  decodePacket,
  encodeDhcp4,
  encodePacket,
  IPV4_BROADCAST,
  MAC_BROADCAST,
  parseIpv4,
  parseMac,
} from "@dragonflow/packet";
import { defineResponder, type PuntedPacket, type Reply } from "@dragonflow/pipeline";
import { isLease, type Lease } from "./lease.ts";
import { configuration, timers } from "./options.ts";

/** A DHCP server for one port. What it answers follows from the lease alone (RFC 2131 section 4.3). */
export const dhcpResponder = defineResponder<Lease>({ name: "dhcp", number: 1, is: isLease, respond });

function respond(lease: Lease, { bytes }: PuntedPacket): readonly Reply[] {
  const packet = decodePacket(bytes, { verify: false });
  if (!packet.udp) return [];
  const request = decodeDhcp4(packet.payload);
  if (request.op !== "request" || request.chaddr !== parseMac(lease.mac)) return [];
  const answer = answerTo(request, lease);
  return answer === undefined ? [] : [send(answer, request, lease)];
}

type Answer = Pick<Dhcp4, "yiaddr"> & { readonly options: Dhcp4Options; readonly broadcast?: boolean };

function answerTo(request: Dhcp4, lease: Lease): Answer | undefined {
  const own = parseIpv4(lease.ip);
  const server = parseIpv4(lease.server.ip);
  switch (request.options.messageType) {
    case "discover":
      return { yiaddr: own, options: { messageType: "offer", ...timers(lease), ...configuration(lease) } };
    case "request": {
      // SELECTING: the client names the server whose offer it takes; another's is none of our business (section 4.3.2).
      const chosen = request.options.serverIdentifier;
      if (chosen !== undefined && chosen !== server) return undefined;
      const wanted = request.options.requestedAddress ?? request.ciaddr;
      if (wanted === own)
        return { yiaddr: own, options: { messageType: "ack", ...timers(lease), ...configuration(lease) } };
      return {
        yiaddr: 0,
        broadcast: true,
        options: { messageType: "nak", serverIdentifier: server, message: "not the address of this port" },
      };
    }
    case "inform":
      // The client has an address already: no lease, no address (section 4.3.5).
      return { yiaddr: 0, options: { messageType: "ack", serverIdentifier: server, ...configuration(lease) } };
    // The address stays the port's own, whatever the client does with it: there is nothing to mark or to free.
    case "decline":
    case "release":
    case "offer":
    case "ack":
    case "nak":
    case undefined:
      return undefined;
  }
}

/** Straight to the client: by broadcast only where it asks for that, or where it must not use its address (section 4.1). */
function send(answer: Answer, request: Dhcp4, lease: Lease): Reply {
  const broadcast = request.broadcast || answer.broadcast === true;
  const client = request.ciaddr !== 0 ? request.ciaddr : answer.yiaddr;
  const bytes = encodeDhcp4(
    {
      op: "reply",
      xid: request.xid,
      chaddr: request.chaddr,
      broadcast: request.broadcast,
      ciaddr: answer.options.messageType === "ack" ? request.ciaddr : 0,
      giaddr: request.giaddr,
      yiaddr: answer.yiaddr,
      options: answer.options,
    },
    { maximumBytes: Math.max(request.options.maximumMessageBytes ?? 0, lease.mtuBytes) - 28 },
  );
  const packet = encodePacket({
    ethernet: { src: parseMac(lease.server.mac), dst: broadcast ? MAC_BROADCAST : request.chaddr },
    ipv4: { src: parseIpv4(lease.server.ip), dst: broadcast || client === 0 ? IPV4_BROADCAST : client, ttl: 64 },
    udp: { sourcePort: DHCP4_PORT.server, destinationPort: DHCP4_PORT.client },
    payload: bytes,
  });
  return { bytes: packet, outPort: lease.outPort };
}
