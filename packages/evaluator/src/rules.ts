import type { LocalPortRecord, SecurityRule } from "@dragonflow/model";
import { inPrefix, parseAddress } from "./addresses.ts";
import type { Cloud } from "./cloud.ts";
import { type IpPacket, type Place, PROTOCOL } from "./packet.ts";

const WITH_PORTS: readonly number[] = [PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.dccp, PROTOCOL.sctp, PROTOCOL.udpLite];

/**
 * Does the rule let the packet pass? Its direction is taken for right: a port's egress rules for what it sends, its ingress rules for what it gets.
 * @param headerVisible false: nothing above IP can be seen, as of a fragment that nobody puts together.
 */
export function ruleAllows(cloud: Cloud, rule: SecurityRule, packet: IpPacket, headerVisible: boolean): boolean {
  return (
    parseAddress(packet.source).version === rule.ipVersion &&
    (rule.protocol === null || rule.protocol === packet.protocol) &&
    headerAllowed(rule, packet, headerVisible) &&
    remoteAllowed(cloud, rule, packet)
  );
}

/** The range of destination ports; of ICMP the type and the code. A range for a protocol that has none of these can match nothing. */
function headerAllowed(rule: SecurityRule, packet: IpPacket, headerVisible: boolean): boolean {
  const { portMin, portMax } = rule;
  if (portMin === null && portMax === null) return true;
  const { header } = packet;
  if (!headerVisible || header === null || rule.protocol === null) return false;
  if (header.type === "icmp") {
    const isIcmp = rule.protocol === (rule.ipVersion === 4 ? PROTOCOL.icmp : PROTOCOL.icmp6);
    return (
      isIcmp && (portMin ?? header.icmpType) === header.icmpType && (portMax ?? header.icmpCode) === header.icmpCode
    );
  }
  const { destination } = header;
  return WITH_PORTS.includes(rule.protocol) && (portMin ?? 0) <= destination && destination <= (portMax ?? 65535);
}

function remoteAllowed(cloud: Cloud, rule: SecurityRule, packet: IpPacket): boolean {
  const { remotePrefix, remoteGroupId, remoteAddressGroupId } = rule;
  const address = rule.direction === "egress" ? packet.destination : packet.source;
  return (
    (remotePrefix === null || inPrefix(address, remotePrefix)) &&
    (remoteGroupId === null || remoteGroups(cloud, rule, packet).includes(remoteGroupId)) &&
    (remoteAddressGroupId === null ||
      (cloud.addressGroups.get(remoteAddressGroupId)?.addresses ?? []).some((prefix) => inPrefix(address, prefix)))
  );
}

/**
 * The groups of whoever is at the other end. The sender is known by its port, whichever of its own addresses it used: others it cannot use, because
 * of port security. The receiver is known by the address that the packet is for, since nothing else tells before it is there.
 */
function remoteGroups(cloud: Cloud, rule: SecurityRule, packet: IpPacket): readonly string[] {
  if (rule.direction === "ingress") return groupsOf(portAt(cloud, packet.from));
  const receiver = portAt(cloud, packet.to);
  const isMeant = receiver !== undefined && addressesOf(receiver).some((own) => inPrefix(packet.destination, own));
  return isMeant ? groupsOf(receiver) : [];
}

/** A port without port security may send from any address: it is a member of nothing. */
export function groupsOf(port: LocalPortRecord | undefined): readonly string[] {
  return port?.portSecurity ? port.securityGroups : [];
}

function addressesOf(port: LocalPortRecord): readonly string[] {
  return [...port.addresses, ...port.pairs].map(({ ip }) => ip);
}

/** @throws {RangeError} when the cloud has no such port. */
export function portAt(cloud: Cloud, place: Place): LocalPortRecord | undefined {
  if (typeof place === "string") return undefined;
  const port = cloud.ports.get(place.port);
  if (port === undefined) throw new RangeError(`no port ${place.port} in this cloud`);
  return port;
}
