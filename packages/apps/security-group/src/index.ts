/**
 * Security groups: a local port sends and gets what a rule of one of its groups allows, and what belongs to such a connection.
 *
 *   egress_conntrack --sourcePort--> [egress_port] -- port security off --> services
 *                                        | identity, zone
 *                                 [egress_conntrack] -- ARP, ND, RS, DHCP requests --> services
 *                                        |------------- no group: drop
 *                                        | ct(zone), stateless groups without it
 *                                  [egress_state] -- reply, related --> services
 *                                        |---------- reply or related of one that was ended (ct_mark), invalid: drop
 *                                        |---------- a rule has a remote group --> [egress_remote] -- (network, address): identity
 *                                        | new, established in the original direction   |
 *                                  [egress_rules] <-------------------------------------'
 *                                        |---------- a rule allows it --> [egress_accepted] -- new: commit, counted as the port's --> services
 *                                        |                                        `- established: ct_mark off --> services
 *                                        |---------- established, and no rule: ct_mark, drop
 *                                        `- miss: drop
 *
 * The same from ingress_conntrack, by destinationPort, to delivery; there the sender's identity comes from the packet: from a register if it was
 * sent on this host, from the Geneve option if on another, and from a lookup of its address where it came by VXLAN.
 *
 * An identity is a set of groups. A rule matches identities, never ports or members' addresses: a port that joins a set that exists changes no flow
 * of any other port. All packets in the original direction of a connection pass the rules, so that a rule, a member or a group that goes ends just
 * the connections that nothing else allows; a rule that allows one again heals it.
 */
import { each } from "@dragonflow/engine";
import { defineNetworkApp, hosts, localPorts, portIdentities } from "@dragonflow/pipeline";
import { localRules, localViews, ownIdentities } from "./local.ts";
import { lookupEntry, lookupLinks, lookupViews, portIdentity } from "./lookup.ts";
import { endings, everyPort, localPort } from "./ports.ts";
import { ruleFlows } from "./rules.ts";
import { app, BOTH } from "./sides.ts";

export { DROPS, type DropFlow } from "./sides.ts";

export default defineNetworkApp({
  name: app,
  tables: BOTH.flatMap(({ ports, conntrack, state, remote, rules, accepted }) => [
    ports,
    conntrack,
    state,
    remote,
    rules,
    accepted,
  ]),
  views: [...localViews, ...lookupViews],
  units: [
    each(hosts, everyPort),
    each(localPorts, localPort),
    each(ownIdentities, endings),
    each(localRules, ruleFlows),
    each(lookupLinks, lookupEntry),
    each(portIdentities, portIdentity),
  ],
});
