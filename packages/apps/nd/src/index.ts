/**
 * Neighbour Discovery: solicitations for addresses of the network are answered on the sender's host (RFC 4861 section 7.2.4).
 *
 *   services --> [nd] -- solicitation for a known address --> [nd_reply] -- advertisement to the sender
 *                 |----- duplicate address detection (from "::") of a router's address: advertisement to all, by the same table
 *                 |----- of any other: next, so that who holds the address defends it itself
 *                 `- miss: next
 */
import { each, type Read } from "@dragonflow/engine";
import type { PortRecord, RouterPortRecord } from "@dragonflow/model";
import { ALL_NODES, linkLocal } from "@dragonflow/packet";
import {
  act,
  type Desired,
  defineFlowTable,
  defineNetworkApp,
  ETH_TYPE,
  flow,
  goto,
  hosts,
  IP_PROTO,
  isIpv6,
  type Owner,
  outputInPort,
  parseIpv6,
  parseMac,
  ports,
  priority,
  routerPorts,
  type Step,
  servedHere,
  setIpv6,
  setMac,
  stages,
} from "@dragonflow/pipeline";

const app = "nd";
const ICMP6 = { eth_type: ETH_TYPE.ipv6, ip_proto: IP_PROTO.icmpv6 };
const SOLICITATION = { ...ICMP6, icmpv6_type: 135, icmpv6_code: 0 };
const ADVERTISEMENT = 136;
/** The word that carries the R, S and O flags (RFC 4861 section 4.4): solicited and override, and router where it is one. */
const FLAGS = { host: 0x60000000, router: 0xe0000000 } as const;
/** The same of an answer that nobody in particular asked for: not solicited. */
const DEFENCE_FLAGS = 0xa0000000;
const ALL_NODES_MAC = "33:33:00:00:00:01";
const OPTION_TARGET_LINK_LAYER = 2;

const reply = defineFlowTable({
  name: "nd_reply",
  purpose: "completes an advertisement, and sends it back",
  stage: stages.services,
  match: ["eth_type", "ip_proto", "icmpv6_type"],
  internal: true,
  miss: "drop",
});

const nd = defineFlowTable({
  name: "nd",
  purpose: "solicitations answered for the address's holder",
  stage: stages.services,
  match: ["network", "eth_type", "ip_proto", "icmpv6_type", "icmpv6_code", "ipv6_src", "nd_target"],
  next: [reply, stages.chain],
  miss: "next",
});

const whole = (field: "eth_src" | "eth_dst" | "ipv6_src" | "ipv6_dst" | "nd_tll", bits: 48 | 128) => ({
  field,
  start: 0,
  bits,
});
const senderToReceiver = act({ type: "copy_field", src: whole("eth_src", 48), dst: whole("eth_dst", 48) });
const askerToReceiver = act({ type: "copy_field", src: whole("ipv6_src", 128), dst: whole("ipv6_dst", 128) });
const flagged = {
  host: act({ type: "set_field", field: "nd_reserved", value: FLAGS.host }),
  router: act({ type: "set_field", field: "nd_reserved", value: FLAGS.router }),
};
const isAdvertisement = [
  act({ type: "set_field", field: "nd_options_type", value: OPTION_TARGET_LINK_LAYER }),
  act({ type: "set_field", field: "icmpv6_type", value: ADVERTISEMENT }),
];
const toReply = goto(reply);

/** The solicitation turned into its advertisement. The option's address is set in a second table: in this one the packet is still a solicitation. */
function advertise(mac: string, ip: bigint, kind: keyof typeof FLAGS): readonly Step[] {
  return [
    senderToReceiver,
    setMac("eth_src", mac),
    askerToReceiver,
    setIpv6("ipv6_src", ip),
    flagged[kind],
    ...isAdvertisement,
    toReply,
  ];
}

/** The addresses given to a holder, and the link-local one of its MAC: on a network with IPv6 it is there without anybody giving it. */
function addressesOf({ addresses, mac }: Pick<PortRecord, "mac" | "addresses">): readonly bigint[] {
  const given = addresses.map(({ ip }) => ip).filter(isIpv6);
  return given.length === 0 ? [] : [...new Set([...given.map((ip) => parseIpv6(ip)), linkLocal(parseMac(mac))])];
}

function answers(
  owner: Owner,
  holder: Pick<PortRecord, "networkId" | "mac" | "addresses" | "adminUp">,
  kind: keyof typeof FLAGS,
  read: Read,
): readonly Desired[] {
  const addresses = holder.adminUp ? addressesOf(holder) : [];
  const network = addresses.length > 0 ? servedHere(holder.networkId, read) : undefined;
  if (network === undefined) return [];
  return addresses.map((ip) => {
    const match = { network: network.key, ...SOLICITATION, nd_target: ip };
    return flow(owner, nd, priority.normal, match, advertise(holder.mac, ip, kind));
  });
}

const port = (record: PortRecord, read: Read): readonly Desired[] =>
  answers({ app, kind: "port", id: record.id }, record, "host", read);

/** A router has no host of its own that would defend its addresses, so all hosts do: to somebody who checks whether one is free, a flow says no. */
function routerPort(record: RouterPortRecord, read: Read): readonly Desired[] {
  const owner = { app, kind: "router-port", id: record.id };
  const network = record.adminUp ? servedHere(record.networkId, read) : undefined;
  if (network === undefined) return [];
  const defended = addressesOf(record).map((ip) => {
    const match = { network: network.key, ...SOLICITATION, ipv6_src: "::", nd_target: ip };
    return flow(owner, nd, priority.special + 1, match, defend(record.mac, ip));
  });
  return [...answers(owner, record, "router", read), ...defended];
}

/** To all nodes (RFC 4862 section 5.4.4). The solicitation has no option to put the MAC address into; who checks for a duplicate needs none. */
function defend(mac: string, ip: bigint): readonly Step[] {
  return [
    setMac("eth_dst", ALL_NODES_MAC),
    setMac("eth_src", mac),
    setIpv6("ipv6_dst", ALL_NODES),
    setIpv6("ipv6_src", ip),
    act({ type: "set_field", field: "nd_reserved", value: DEFENCE_FLAGS }),
    act({ type: "set_field", field: "icmpv6_type", value: ADVERTISEMENT }),
    toReply,
  ];
}

function everyNetwork(): readonly Desired[] {
  const owner = { app, kind: "host", id: "self" };
  const copyMac = act({ type: "copy_field", src: whole("eth_src", 48), dst: whole("nd_tll", 48) });
  return [
    flow(owner, reply, priority.normal, { ...ICMP6, icmpv6_type: ADVERTISEMENT }, [copyMac, outputInPort]),
    // Answered in its own name, the holder would take the address for a duplicate (RFC 4862 section 5.4.3).
    flow(owner, nd, priority.special, { ...SOLICITATION, ipv6_src: "::" }, [goto(stages.chain)]),
  ];
}

export default defineNetworkApp({
  name: app,
  tables: [nd, reply],
  units: [each(ports, port), each(routerPorts, routerPort), each(hosts, everyNetwork)],
});
