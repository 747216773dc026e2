/**
 * Router advertisements (RFC 4861 section 6.2): the host of a port tells it the prefixes and the router of its network, when asked and now and then.
 *
 *   services --> [ra] -- router solicitation of a local port: the controller answers
 *                  `- miss: next
 *
 * Neutron attributes: ipv6_ra_mode, ipv6_address_mode, gateway_ip, cidr, dns_nameservers, mtu.
 */
import { each, type Read } from "@dragonflow/engine";
import { type LocalPortRecord, networkTopic, routerTopic, type SubnetRecord } from "@dragonflow/model";
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
  routerPorts,
  routers,
  stages,
  subnets,
} from "@dragonflow/pipeline";
import { type Advertised, raResponder } from "./responder.ts";

const app = "ra";
const ROUTER_SOLICITATION = 133;
const SOLICITATIONS_PER_SECOND = 5;

const ra = defineFlowTable({
  name: "ra",
  purpose: "router solicitations of local ports, to the controller",
  stage: stages.services,
  match: ["sourcePort", "eth_type", "ip_proto", "icmpv6_type", "icmpv6_code"],
  miss: "next",
});

/** Advertised is what has a router of ours and a mode that asks for it: ipv6_ra_mode unset means that somebody else advertises. */
function advertises(
  subnet: SubnetRecord,
): subnet is SubnetRecord & { ipv6RaMode: NonNullable<SubnetRecord["ipv6RaMode"]> } {
  return subnet.ipVersion === 6 && subnet.dhcpEnabled && subnet.ipv6RaMode !== null;
}

function advertisement(port: LocalPortRecord, read: Read): readonly Desired[] {
  const topic = networkTopic(port.networkId);
  const attached = read.row(interfaces, LOCAL, port.id);
  const network = read.pick(networks, topic, port.networkId, ["mtuBytes", "adminUp"]);
  if (attached === undefined || !network?.adminUp || !port.adminUp) return [];
  const onLink = read.rows(subnets, topic).filter(advertises);
  const router = read
    .rows(routerPorts, topic)
    .find(
      (candidate) =>
        candidate.adminUp &&
        onLink.some((s) => candidate.addresses.some((a) => a.subnetId === s.id && a.ip === s.gatewayIp)) &&
        read.pick(routers, routerTopic(candidate.routerId), candidate.routerId, ["adminUp"])?.adminUp,
    );
  if (router === undefined) return [];
  const owner = { app, kind: "port", id: port.id };
  const row: Advertised = {
    type: "advertised",
    outPort: attached.ofport,
    routerMac: router.mac,
    hostMac: port.mac,
    mtuBytes: network.mtuBytes,
    managed: onLink.some((s) => s.ipv6RaMode === "dhcpv6-stateful"),
    otherConfiguration: onLink.some((s) => s.ipv6RaMode === "dhcpv6-stateless"),
    prefixes: onLink.map((s) => ({ cidr: s.cidr, autonomous: s.ipv6RaMode !== "dhcpv6-stateful" })),
    dnsServers: [...new Set(onLink.flatMap((s) => s.dnsNameservers.filter(isIpv6)))],
  };
  const rate = `${app}/${port.id}`;
  const solicitation = {
    sourcePort: port.key,
    eth_type: ETH_TYPE.ipv6,
    ip_proto: IP_PROTO.icmpv6,
    icmpv6_type: ROUTER_SOLICITATION,
    icmpv6_code: 0,
  };
  return [
    flow(owner, ra, priority.normal, solicitation, [limit(rate), punt(raResponder, port.key)]),
    meter(rate, SOLICITATIONS_PER_SECOND),
    response(raResponder.name, port.key, row),
  ];
}

export default defineNetworkApp({
  name: app,
  tables: [ra],
  units: [each(localPorts, advertisement)],
  responders: [raResponder],
});
