/**
 * ARP: requests for addresses of the network are answered on the sender's host (RFC 826), and never flooded.
 *
 *   services --> [arp] -- request for a known address: reply to the sender
 *                  |----- request of an address's own holder (a probe, an announcement): next
 *                  `- miss: next (an address that only its VM can answer for, such as an allowed address pair, is flooded)
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
  outputInPort,
  type Owner,
  ports,
  priority,
  routerPorts,
  servedHere,
  setIpv4,
  setMac,
  stages,
  type Step,
} from "@dragonflow/pipeline";

const app = "arp";
const REQUEST = 1;
const REPLY = 2;

const arp = defineFlowTable({
  name: "arp",
  purpose: "ARP requests answered for the address's holder",
  stage: stages.services,
  match: ["network", "sourcePort", "eth_type", "arp_op", "arp_tpa"],
  next: [stages.chain],
  miss: "next",
});

const whole = (field: "eth_src" | "eth_dst" | "arp_sha" | "arp_tha" | "arp_spa" | "arp_tpa", bits: 32 | 48) => ({
  field,
  start: 0,
  bits,
});
const copy = (from: Parameters<typeof whole>[0], to: Parameters<typeof whole>[0], bits: 32 | 48): Step =>
  act({ type: "copy_field", src: whole(from, bits), dst: whole(to, bits) });

const senderToReceiver = copy("eth_src", "eth_dst", 48);
const isReply = act({ type: "set_field", field: "arp_op", value: REPLY });
const askerBecomesTarget = [copy("arp_sha", "arp_tha", 48), copy("arp_spa", "arp_tpa", 32)];

/** The request turned into its reply. */
function reply(mac: string, ip: string): readonly Step[] {
  return [
    senderToReceiver,
    setMac("eth_src", mac),
    isReply,
    ...askerBecomesTarget,
    setMac("arp_sha", mac),
    setIpv4("arp_spa", ip),
    outputInPort,
  ];
}

function answer(owner: Owner, networkKey: number, mac: string, ip: string): Desired {
  const match = { network: networkKey, eth_type: ETH_TYPE.arp, arp_op: REQUEST, arp_tpa: ip };
  return flow(owner, arp, priority.normal, match, reply(mac, ip));
}

function port(record: PortRecord, read: Read): readonly Desired[] {
  const network = record.adminUp ? servedHere(record.networkId, read) : undefined;
  if (network === undefined) return [];
  const owner = { app, kind: "port", id: record.id };
  return record.addresses
    .filter(({ ip }) => !ip.includes(":"))
    .flatMap(({ ip }) => {
      const answered = answer(owner, network.key, record.mac, ip);
      if (record.chassis !== network.chassis) return [answered];
      // Answered in its own name, the holder would take the address for a duplicate (RFC 5227 section 2.1.1).
      const own = {
        network: network.key,
        sourcePort: record.key,
        eth_type: ETH_TYPE.arp,
        arp_op: REQUEST,
        arp_tpa: ip,
      };
      return [answered, flow(owner, arp, priority.special, own, [goto(stages.chain)])];
    });
}

function routerPort(record: RouterPortRecord, read: Read): readonly Desired[] {
  const network = record.adminUp ? servedHere(record.networkId, read) : undefined;
  if (network === undefined) return [];
  const owner = { app, kind: "router-port", id: record.id };
  return record.addresses
    .filter(({ ip }) => !ip.includes(":"))
    .map(({ ip }) => answer(owner, network.key, record.mac, ip));
}

export default defineNetworkApp({
  name: app,
  tables: [arp],
  units: [each(ports, port), each(routerPorts, routerPort)],
});
