import type { IpPacket } from "../packet.ts";

/** A frame as its headers tell. MAC addresses in lower case, IP addresses as text. */
export interface Frame {
  readonly source: string;
  readonly destination: string;
  /** With a VLAN tag of the sender's own making. */
  readonly tagged: boolean;
  readonly content: ArpContent | IpContent | { readonly type: "other" };
}

/** RFC 826. Operations: 1 a request, 2 a reply. */
export interface ArpContent {
  readonly type: "arp";
  readonly operation: number;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac: string;
  readonly targetIp: string;
}

/** A piece of a datagram has the headers of the whole one: of a later one they are not in the frame. */
export interface IpContent extends Pick<IpPacket, "source" | "destination" | "protocol" | "header" | "fragment"> {
  readonly type: "ip";
  readonly ttl: number;
  readonly said?: Said;
}

/** What is behind the headers, where it matters. */
export type Said =
  /** A neighbour solicitation or advertisement, with the MAC address of its option (RFC 4861 section 4). */
  | { readonly type: "neighbour"; readonly target: string; readonly linkLayer: string | null }
  /** Prefixes of a router advertisement. */
  | { readonly type: "router"; readonly prefixes: readonly string[] }
  /** `client`: chaddr. `address`: asked for, or given. */
  | {
      readonly type: "dhcp";
      readonly message: "discover" | "offer" | "request" | "ack" | "nak";
      readonly client: string;
      readonly address: string | null;
    };

const FIRST_GROUP_BIT = 1;
/** To a group, or to all. */
export const isToMany = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & FIRST_GROUP_BIT) !== 0;

/** One line: two frames are alike where their lines are. */
export function frameText({ source, destination, tagged, content }: Frame): string {
  const ends = `${source} > ${destination}${tagged ? " tagged" : ""}`;
  switch (content.type) {
    case "other":
      return `${ends} other`;
    case "arp": {
      const { operation, senderMac, senderIp, targetMac, targetIp } = content;
      return `${ends} ARP ${operation} ${senderMac} ${senderIp} > ${targetMac} ${targetIp}`;
    }
    case "ip": {
      const { ttl, protocol, header, fragment, said } = content;
      const piece = fragment === "none" ? "" : ` ${fragment} fragment`;
      return `${ends} IP ${content.source} > ${content.destination} ttl ${ttl} protocol ${protocol}${headerText(fragment === "later" ? null : header)}${piece}${saidText(said)}`;
    }
  }
}

function headerText(header: IpPacket["header"]): string {
  if (header === null) return "";
  if (header.type === "icmp") return ` type ${header.icmpType} code ${header.icmpCode}`;
  return ` ports ${header.source} > ${header.destination}`;
}

function saidText(said: Said | undefined): string {
  switch (said?.type) {
    case undefined:
      return "";
    case "neighbour":
      return ` target ${said.target} at ${said.linkLayer ?? "?"}`;
    case "router":
      return ` prefixes ${said.prefixes.join()}`;
    case "dhcp":
      return ` DHCP ${said.message} ${said.client} ${said.address ?? ""}`;
  }
}
