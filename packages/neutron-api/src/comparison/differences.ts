/**
 * Where this server answers otherwise than the recorded one, and why: all of it. The comparison fails on a difference that is not here, and on one
 * that is here and no longer is one.
 */
interface Difference {
  /** Names of calls. */
  readonly calls: readonly string[];
  readonly reason: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    calls: [
      "network: update collection",
      "networks: delete collection",
      "groups: update collection",
      "groups: delete collection",
    ],
    reason: "Neutron looks for the network None, and answers 404; a collection that cannot be changed is 405.",
  },
  {
    calls: ["network: local", "network: external"],
    reason: "Networks that are of one host, or have a way out, are not built yet: 400 says so.",
  },
  {
    calls: ["network: geneve id out of range", "network: mtu too small"],
    reason: "Neutron takes a VNI of more than 24 bits, and an MTU that no IP packet fits; nothing could carry either.",
  },
  {
    calls: ["port: of a router that is none", "port: owner of a router"],
    reason:
      "Neutron lets administrators call any port a router's interface; here that is made by add_router_interface, which checks it.",
  },
  {
    calls: [
      "quota: no body",
      "subnet: cidr null",
      "router: remove no body",
      "rule: protocol written 17.5",
      "rule: protocol written true",
      "rule: protocol written []",
      "rule: protocol written {}",
      "rule: group empty",
      "rule: change",
      "address group: add nothing",
      "address group: add by its resource",
      "address group: remove nothing",
    ],
    reason: "Neutron fails with 500; what is wrong is the request: 400, 404 or 405.",
  },
  {
    calls: ["subnet: cidr abbreviated", "subnets: of the network"],
    reason:
      "Neutron completes 10.8/16 to 10.8.0.0/16, after rules that few remember; a network is written in full here.",
  },
  {
    calls: ["port: mac with hyphens", "port: mac in capitals", "port: pairs not canonical"],
    reason:
      "Neutron keeps what was typed, and compares it as text; addresses are kept in canonical form here, so that no two forms of one address pass for two.",
  },
  {
    calls: ['POST /v2.0/ports dns_name bad 4: "a."'],
    reason: "The message names this server's configuration, not neutron.conf.",
  },
  {
    calls: ["port: mac of dhcp"],
    reason: "Neutron's message has a Python function where the port's id belongs.",
  },
  {
    calls: ["address groups: bulk"],
    reason: "Neutron fails with 500; several address groups can be made at once here.",
  },
  {
    calls: ["rules: by normalized prefix"],
    reason: "Neutron takes this filter, and does not filter.",
  },
  {
    calls: ["groups: page after none"],
    reason: "A page after an object that is not there is 404, as of other collections; Neutron starts over.",
  },
  {
    calls: ["group: no body", "group: empty update"],
    reason: "An empty body is answered as for other resources; Neutron has other words for it here.",
  },
  {
    calls: ["address groups: sorted"],
    reason: "Neutron shows the project of address groups whether it is asked for or not.",
  },
  {
    calls: ["extension of none", "unknown path"],
    reason: "Neutron answers with an HTML page; every error has one form here.",
  },
];

/** Keys that the recorded server shows and this one does not: of extensions that it does not have, or of Neutron's own database. */
export const UNKNOWN_KEYS: Readonly<Record<string, string>> = {
  ...of("address-scope", "ipv4_address_scope", "ipv6_address_scope"),
  ...of("auto-allocated-topology", "is_default"),
  ...of("l2_adjacency", "l2_adjacency"),
  ...of("subnet segments", "segment_id"),
  ...of("ip_allocation", "ip_allocation"),
  ...of("l3-ha, dvr and flavors", "ha", "distributed", "flavor_id"),
  ...of("other limits", "floatingip", "rbac_policy", "subnetpool"),
  ...of("columns that are shown by accident", "gw_port_id", "ha_vr_id", "standard_attr_id"),
};

function of(extension: string, ...keys: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(keys.map((key) => [key, extension]));
}
