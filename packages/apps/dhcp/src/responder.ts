import {
  DHCP4_PORT,
  type Dhcp4,
  type Dhcp4Fields,
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
import { everFewer, timers, told, withoutTimers } from "./options.ts";

/** A DHCP server for one port. What it answers follows from the lease alone (RFC 2131 section 4.3). */
export const dhcpResponder = defineResponder<Lease>({ name: "dhcp", number: 1, is: isLease, respond });

/** The least that every client takes, as an IP datagram, and what stands in front of the message in it (RFC 2131 section 2). */
const LEAST_BYTES = 576;
const HEADER_BYTES = 28;
const BOOT_FILE = 67;
const FILE_BYTES = 128;

function respond(lease: Lease, { bytes }: PuntedPacket): readonly Reply[] {
  const packet = decodePacket(bytes, { verify: false });
  if (!packet.udp) return [];
  const request = decodeDhcp4(packet.payload);
  if (request.op !== "request" || request.chaddr !== parseMac(lease.mac)) return [];
  const answer = answerTo(request, lease);
  return answer === undefined ? [] : [send(answer, request, lease)];
}

type Answer = Pick<Dhcp4Fields, "yiaddr" | "siaddr" | "file"> & { readonly options: Dhcp4Options };

function answerTo(request: Dhcp4, lease: Lease): Answer | undefined {
  switch (request.options.messageType) {
    case "discover":
      return granted("offer", request, lease);
    case "request":
      return answerToRequest(request, lease);
    case "inform": {
      // The client has an address already: no lease, no address (section 4.3.5).
      const { options, siaddr } = told(lease);
      return { siaddr, options: { ...head("ack", request, lease), ...withoutTimers(options) } };
    }
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

function answerToRequest(request: Dhcp4, lease: Lease): Answer | undefined {
  // SELECTING: the client names the server whose offer it takes; another's is none of our business (section 4.3.2).
  const chosen = request.options.serverIdentifier;
  if (chosen !== undefined && chosen !== parseIpv4(lease.server.ip)) return undefined;
  const wanted = request.options.requestedAddress ?? request.ciaddr;
  if (wanted === parseIpv4(lease.ip)) return granted("ack", request, lease);
  return { options: { ...head("nak", request, lease), message: "not the address of this port" } };
}

function granted(messageType: "offer" | "ack", request: Dhcp4, lease: Lease): Answer {
  const { options, siaddr } = told(lease);
  const asked = request.options.parameterRequestList ?? [];
  const file = options.bootFileName ?? "";
  return {
    yiaddr: parseIpv4(lease.ip),
    siaddr,
    // For those who know the field only: old boot loaders do not ask for the option.
    ...(!asked.includes(BOOT_FILE) && file.length < FILE_BYTES && { file }),
    options: { ...head(messageType, request, lease), ...timers(lease, options), ...options },
  };
}

/** With the client's identifier, where it sent one (RFC 6842). */
function head(messageType: "offer" | "ack" | "nak", request: Dhcp4, lease: Lease): Dhcp4Options {
  const { clientIdentifier } = request.options;
  return {
    messageType,
    serverIdentifier: parseIpv4(lease.server.ip),
    ...(clientIdentifier !== undefined && { clientIdentifier }),
  };
}

/**
 * Straight to the client: to the address that it uses, or to the one that it gets; by broadcast only where it asks for that because it has none, or
 * where it must not go on using one (section 4.1).
 */
function send(answer: Answer, request: Dhcp4, lease: Lease): Reply {
  const isNak = answer.options.messageType === "nak";
  const broadcast = isNak || (request.broadcast && request.ciaddr === 0);
  const client = request.ciaddr === 0 ? (answer.yiaddr ?? 0) : request.ciaddr;
  const { options, ...fields } = answer;
  const reply = { ...fields, op: "reply" as const, xid: request.xid, chaddr: request.chaddr, giaddr: request.giaddr };
  const payload = encodeToFit(
    {
      ...reply,
      broadcast: request.broadcast,
      ciaddr: options.messageType === "ack" ? request.ciaddr : 0,
      options,
    },
    request,
  );
  const bytes = encodePacket({
    ethernet: { src: parseMac(lease.server.mac), dst: broadcast ? MAC_BROADCAST : request.chaddr },
    ipv4: { src: parseIpv4(lease.server.ip), dst: broadcast || client === 0 ? IPV4_BROADCAST : client, ttl: 64 },
    udp: { sourcePort: DHCP4_PORT.server, destinationPort: DHCP4_PORT.client },
    payload,
  });
  return { bytes, outPort: lease.outPort };
}

/** As much as the client takes (option 57). The last resort is a message that is too long: some clients take it all the same. */
function encodeToFit(message: Dhcp4Fields, request: Dhcp4): Uint8Array {
  const { maximumMessageBytes = LEAST_BYTES, parameterRequestList = [] } = request.options;
  const limit = Math.max(maximumMessageBytes, LEAST_BYTES) - HEADER_BYTES;
  let bytes = new Uint8Array();
  for (const options of everFewer(message.options, parameterRequestList)) {
    bytes = Uint8Array.from(encodeDhcp4({ ...message, options }));
    if (bytes.length <= limit) return bytes;
  }
  return bytes;
}
