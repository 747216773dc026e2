/**
 * Neighbour Discovery: solicitations for addresses of the network are answered on the sender's host (RFC 4861 section 7.2.4).
 *
 *   services --> [nd] -- solicitation for a known address --> [nd_reply] -- advertisement to the sender
 *                 |----- duplicate address detection by somebody else: the controller defends the address
 *                 |----- solicitation by the address's own holder: next
 *                 `- miss: next
 */
import { each, type Read } from "@dragonflow/engine";
import type { PortRecord, RouterPortRecord } from "@dragonflow/model";
import {
  act,
  type Desired,
  defineNetworkApp,
  defineFlowTable,
  ETH_TYPE,
  flow,
  goto,
  hosts,
  IP_PROTO,
  isIpv6,
  limit,
  linkLocalText,
  meter,
  type Owner,
  outputInPort,
  ports,
  priority,
  punt,
  response,
  routerPorts,
  servedHere,
  setIpv6,
  setMac,
  type Step,
  stages,
} from "@dragonflow/pipeline";
import { type Defended, defender } from "./defender.ts";

const app = "nd";
const ICMP6 = { eth_type: ETH_TYPE.ipv6, ip_proto: IP_PROTO.icmpv6 };
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
/** The word that carries the R, S and O flags (RFC 4861 section 4.4): solicited and override, and router where it is one. */
const FLAGS = { host: 0x60000000, router: 0xe0000000 } as const;
const OPTION_TARGET_LINK_LAYER = 2;
const DEFENCES_PER_SECOND = 100;

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
  match: ["network", "sourcePort", "eth_type", "ip_proto", "icmpv6_type", "icmpv6_code", "ipv6_src", "nd_target"],
  next: [reply, stages.chain],
  miss: "next",
});

/** The solicitation turned into its advertisement. The option's address is set in a second table: in this one the packet is still a solicitation. */
function advertise(mac: string, ip: string, kind: keyof typeof FLAGS): readonly Step[] {
  const whole = (field: "eth_src" | "eth_dst" | "ipv6_src" | "ipv6_dst", bits: 48 | 128) => ({ field, start: 0, bits });
  return [
    act({ type: "copy_field", src: whole("eth_src", 48), dst: whole("eth_dst", 48) }),
    setMac("eth_src", mac),
    act({ type: "copy_field", src: whole("ipv6_src", 128), dst: whole("ipv6_dst", 128) }),
    setIpv6("ipv6_src", ip),
    act({ type: "set_field", field: "nd_reserved", value: FLAGS[kind] }),
    act({ type: "set_field", field: "nd_options_type", value: OPTION_TARGET_LINK_LAYER }),
    act({ type: "set_field", field: "icmpv6_type", value: ADVERTISEMENT }),
    goto(reply),
  ];
}

interface Address {
  readonly owner: Owner;
  readonly networkKey: number;
  readonly mac: string;
  readonly ip: string;
  readonly kind: keyof typeof FLAGS;
}

function solicited({ owner, networkKey, mac, ip, kind }: Address): Desired {
  const match = { network: networkKey, ...ICMP6, icmpv6_type: SOLICITATION, icmpv6_code: 0, nd_target: ip };
  return flow(owner, nd, priority.normal, match, advertise(mac, ip, kind));
}

/** Somebody without an address yet asks for this one: the answer goes to all nodes (RFC 4862 section 5.4.4), which no flow can make. */
function defence(address: Address, subject: number): Desired {
  const { owner, networkKey, ip } = address;
  const match = {
    network: networkKey,
    ...ICMP6,
    icmpv6_type: SOLICITATION,
    icmpv6_code: 0,
    ipv6_src: "::",
    nd_target: ip,
  };
  return flow(owner, nd, priority.normal + 1, match, [limit(app), punt(defender, subject)]);
}

function port(record: PortRecord, read: Read): readonly Desired[] {
  const network = record.adminUp ? servedHere(record.networkId, read) : undefined;
  if (network === undefined) return [];
  const owner = { app, kind: "port", id: record.id };
  const given = record.addresses.map(({ ip }) => ip).filter(isIpv6);
  // Its link-local address is nobody's to give, but on a network with IPv6 it is there.
  const addresses = given.length === 0 ? [] : [...new Set([...given, linkLocalText(record.mac)])];
  const flows = addresses.flatMap((ip) => {
    const address = { owner, networkKey: network.key, mac: record.mac, ip, kind: "host" } as const;
    const answers = [solicited(address), defence(address, record.key)];
    if (record.chassis !== network.chassis) return answers;
    // Answered in its own name, the holder would take the address for a duplicate (RFC 4862 section 5.4.3).
    const own = {
      network: network.key,
      sourcePort: record.key,
      ...ICMP6,
      icmpv6_type: SOLICITATION,
      icmpv6_code: 0,
      nd_target: ip,
    };
    return [...answers, flow(owner, nd, priority.special, own, [goto(stages.chain)])];
  });
  const defended: Defended = { type: "defended", mac: record.mac, addresses, router: false };
  return addresses.length === 0 ? [] : [...flows, response(defender.name, record.key, defended)];
}

function routerPort(record: RouterPortRecord, read: Read): readonly Desired[] {
  const network = record.adminUp ? servedHere(record.networkId, read) : undefined;
  const given = record.addresses.map(({ ip }) => ip).filter(isIpv6);
  if (network === undefined || given.length === 0) return [];
  const owner = { app, kind: "router-port", id: record.id };
  const addresses = [...new Set([...given, linkLocalText(record.mac)])];
  const defended: Defended = { type: "defended", mac: record.mac, addresses, router: true };
  return [
    ...addresses.flatMap((ip) => {
      const address = { owner, networkKey: network.key, mac: record.mac, ip, kind: "router" } as const;
      return [solicited(address), defence(address, record.key)];
    }),
    response(defender.name, record.key, defended),
  ];
}

function everyNetwork(): readonly Desired[] {
  const owner = { app, kind: "host", id: "self" };
  const copyMac = act({
    type: "copy_field",
    src: { field: "eth_src", start: 0, bits: 48 },
    dst: { field: "nd_tll", start: 0, bits: 48 },
  });
  return [
    flow(owner, reply, priority.normal, { ...ICMP6, icmpv6_type: ADVERTISEMENT }, [copyMac, outputInPort]),
    meter(app, DEFENCES_PER_SECOND),
  ];
}

export default defineNetworkApp({
  name: app,
  tables: [nd, reply],
  units: [each(ports, port), each(routerPorts, routerPort), each(hosts, everyNetwork)],
  responders: [defender],
});
