/**
 * DHCPv4 (RFC 2131): every host answers for its own ports. No server process, no lease database: the lease is what the model says.
 *
 *   services --> [dhcp] -- a client's message from a local port of a subnet with DHCP: the controller answers
 *                   `- miss: next (a network without DHCP may have a server of its own among its VMs)
 *
 * Neutron attributes: enable_dhcp, gateway_ip, dns_nameservers, host_routes, extra_dhcp_opts, mtu, dns_name, dns_domain.
 */
import { each, type Read } from "@dragonflow/engine";
import { type LocalPortRecord, networkTopic, type RouterPortRecord, type SubnetRecord } from "@dragonflow/model";
import { contains, parseCidr, parseIp } from "@dragonflow/packet";
import {
  type Desired,
  defineNetworkApp,
  defineFlowTable,
  ETH_TYPE,
  flow,
  IP_PROTO,
  interfaces,
  isIpv6,
  LOCAL,
  limit,
  localPorts,
  meter,
  networks,
  priority,
  punt,
  response,
  routerPortsByAddress,
  stages,
  subnets,
} from "@dragonflow/pipeline";
import type { Lease } from "./lease.ts";
import { faultOf } from "./options.ts";
import { dhcpResponder } from "./responder.ts";

const app = "dhcp";
const LEASE_SECONDS = 86_400;
/** A client that goes wild slows down nobody but itself. */
const MESSAGES_PER_SECOND = 10;
/** Answers for subnets without a gateway: nobody has this address, clients reach the server by broadcast (RFC 2131 section 4.4.5). */
const NO_GATEWAY = { ip: "169.254.0.1", mac: "fa:16:3f:00:00:01" } as const;

const dhcp = defineFlowTable({
  name: "dhcp",
  purpose: "DHCP messages of local ports, to the controller",
  stage: stages.services,
  match: ["sourcePort", "eth_type", "ip_proto", "udp_src", "udp_dst"],
  miss: "next",
});

/** The port's first IPv4 address of a subnet with DHCP: one interface has one lease. */
function leasedAddress(
  port: LocalPortRecord,
  read: Read,
): { readonly ip: string; readonly subnet: SubnetRecord } | undefined {
  for (const { ip, subnetId } of port.addresses) {
    if (isIpv6(ip)) continue;
    const subnet = read.row(subnets, networkTopic(port.networkId), subnetId);
    if (subnet?.dhcpEnabled) return { ip, subnet };
  }
  return undefined;
}

/**
 * RFC 3442: a client that takes option 121 ignores option 3, so the default route stands there too. The metadata and other host routes first.
 */
function routesOf(subnet: SubnetRecord): Lease["routes"] {
  const own = subnet.hostRoutes.filter(({ destination, nexthop }) => !isIpv6(destination) && !isIpv6(nexthop));
  if (own.length === 0 || subnet.gatewayIp === null || own.some(({ destination }) => destination === "0.0.0.0/0"))
    return own;
  return [...own, { destination: "0.0.0.0/0", nexthop: subnet.gatewayIp }];
}

function serverOf(
  port: LocalPortRecord,
  subnet: SubnetRecord,
  read: Read,
): { readonly ip: string; readonly mac: string } {
  const { gatewayIp } = subnet;
  if (gatewayIp === null) return NO_GATEWAY;
  const gateway: Pick<RouterPortRecord, "mac"> | undefined = read.by(
    routerPortsByAddress,
    networkTopic(port.networkId),
    gatewayIp,
  )[0];
  return { ip: gatewayIp, mac: gateway?.mac ?? NO_GATEWAY.mac };
}

function lease(port: LocalPortRecord, read: Read): readonly Desired[] {
  const attached = read.row(interfaces, LOCAL, port.id);
  const leased = port.adminUp && attached ? leasedAddress(port, read) : undefined;
  if (attached === undefined || leased === undefined) return [];
  const network = read.pick(networks, networkTopic(port.networkId), port.networkId, ["mtuBytes", "dnsDomain"]);
  if (network === undefined) return [];
  const owner = { app, kind: "port", id: port.id };
  const client = { sourcePort: port.key, eth_type: ETH_TYPE.ipv4, ip_proto: IP_PROTO.udp, udp_src: 68, udp_dst: 67 };
  const { subnet, ip } = leased;
  const extra = port.dhcpOptions.filter((option) => option.ipVersion === 4).map(({ name, value }) => ({ name, value }));
  const row: Lease = {
    type: "lease",
    outPort: attached.ofport,
    mac: port.mac,
    ip,
    cidr: subnet.cidr,
    server: serverOf(port, subnet, read),
    gateway:
      subnet.gatewayIp !== null && contains(parseCidr(subnet.cidr), parseIp(subnet.gatewayIp))
        ? subnet.gatewayIp
        : null,
    dnsServers: subnet.dnsNameservers.filter((server) => !isIpv6(server)),
    domainName: network.dnsDomain.replace(/\.$/, ""),
    hostName: port.hostname === "" ? `host-${ip.replaceAll(".", "-")}` : port.hostname,
    mtuBytes: network.mtuBytes,
    leaseTimeSeconds: LEASE_SECONDS,
    routes: routesOf(subnet),
    extra: extra.filter((option) => faultOf(option) === undefined),
    refused: extra.flatMap((option) => {
      const fault = faultOf(option);
      return fault === undefined ? [] : [`${option.name}: ${fault}`];
    }),
  };
  const rate = `${app}/${port.id}`;
  return [
    flow(owner, dhcp, priority.normal, client, [limit(rate), punt(dhcpResponder, port.key)]),
    meter(rate, MESSAGES_PER_SECOND),
    response(dhcpResponder.name, port.key, row),
  ];
}

export default defineNetworkApp({
  name: app,
  tables: [dhcp],
  units: [each(localPorts, lease)],
  responders: [dhcpResponder],
});
