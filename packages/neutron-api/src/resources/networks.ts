import type { NetworkObject } from "@dragonflow/model";
import type { Attributes, PostOf } from "../core/attribute.ts";
import { maxMtu } from "../core/config.ts";
import { networkRefs } from "../core/kinds.ts";
import {
  freeKey,
  given,
  identityAttributes,
  newObject,
  type Resource,
  standardAttributes,
  standardFilters,
} from "../core/resource.ts";
import type { Transaction } from "../core/transaction.ts";
import { boolean, dnsDomain, integer, nonNegative, text, uniqueTexts } from "../core/types.ts";
import { UNSPECIFIED } from "../core/attribute.ts";
import { checkZones, zonesOf } from "./availability-zones.ts";
import { ensureDefaultGroup } from "./security-groups.ts";
import {
  invalidInput,
  invalidSharedSetting,
  networkInUse,
  networkNotFound,
  noNetworkAvailable,
  tunnelIdInUse,
} from "../errors.ts";

const attributes = {
  ...identityAttributes,
  admin_state_up: { type: boolean, post: true, put: true, default: true, filter: true, sort: true },
  status: { filter: true, sort: true },
  subnets: { value: (n, reader) => reader.subnets.by("network_id", n.id).map((s) => s.id) },
  shared: { type: boolean, post: true, put: true, default: false, filter: true },
  "provider:network_type": {
    type: text(32),
    post: true,
    put: true,
    default: UNSPECIFIED,
    filter: true,
    value: (n) => n.network_type,
  },
  "provider:physical_network": {
    type: text(64),
    post: true,
    put: true,
    default: UNSPECIFIED,
    filter: true,
    value: (n) => n.physical_network,
  },
  "provider:segmentation_id": {
    type: integer,
    post: true,
    put: true,
    default: UNSPECIFIED,
    filter: true,
    value: (n) => n.segmentation_id,
  },
  // Until external networks come there is only one answer; clients filter by it all the same.
  "router:external": { type: boolean, post: true, put: true, default: false, filter: true, value: () => false },
  mtu: { type: nonNegative, post: true, put: true, default: 0, filter: true, sort: true },
  port_security_enabled: { type: boolean, post: true, put: true, default: true },
  dns_domain: { type: dnsDomain, post: true, put: true, default: "" },
  availability_zone_hints: { type: uniqueTexts(255), post: true, default: [], sort: true },
  availability_zones: { value: (n, reader) => zonesOf(reader, n.availability_zone_hints) },
  ...standardAttributes,
} as const satisfies Attributes<NetworkObject>;

interface Segment {
  readonly network_type: "geneve" | "vxlan";
  readonly physical_network: null;
  readonly segmentation_id: number;
}

const isTunnel = (type: string): type is Segment["network_type"] => type === "geneve" || type === "vxlan";

function chooseSegment(tx: Transaction, values: PostOf<typeof attributes>): Segment {
  const type = values["provider:network_type"];
  const physical = values["provider:physical_network"];
  const id = values["provider:segmentation_id"];
  if (type === undefined && (physical !== undefined || id !== undefined)) throw invalidInput("network_type required");
  const network_type = type ?? tx.config.tenantNetworkType;
  if (network_type === "flat" || network_type === "vlan") throw unknownPhysicalNetwork(network_type, physical);
  if (!isTunnel(network_type)) throw invalidInput(`network_type value '${network_type}' not supported`);
  if (physical !== undefined) throw invalidInput(`provider:physical_network specified for ${network_type} network`);
  return { network_type, physical_network: null, segmentation_id: chooseSegmentationId(tx, network_type, id) };
}

/** No bridge mapping exists yet, so any name is unknown. */
function unknownPhysicalNetwork(type: "flat" | "vlan", name: string | undefined) {
  if (type === "flat")
    return invalidInput(
      name === undefined
        ? "physical_network required for flat provider network"
        : `physical_network '${name}' unknown for flat provider network`,
    );
  return name === undefined
    ? noNetworkAvailable()
    : invalidInput(`physical_network '${name}' unknown for VLAN provider network`);
}

function chooseSegmentationId(tx: Transaction, type: Segment["network_type"], requested: number | undefined): number {
  const isUsed = (id: number) => tx.networks.by("segment", `${type}/${id}`).length > 0;
  if (requested !== undefined) {
    if (requested < 1 || requested > 0xffffff)
      throw invalidInput(`segmentation_id out of range, must be 1 to ${0xffffff}`);
    if (isUsed(requested)) throw tunnelIdInUse(requested);
    return requested;
  }
  const [first, last] = tx.config.segmentRanges[type];
  const size = last - first + 1;
  const start = Math.floor(Math.random() * size);
  for (let i = 0; i < size; i++) {
    const id = first + ((start + i) % size);
    if (!isUsed(id)) return id;
  }
  throw noNetworkAvailable();
}

/** What every IPv4 host must take whole. RFC 791 section 3.2. */
const MIN_MTU = 68;

function chooseMtu(tx: Transaction, networkType: string, requested: number): number {
  const max = maxMtu(tx.config, networkType);
  if (requested !== 0 && requested < MIN_MTU) throw invalidInput(`Requested MTU is too small, minimum is ${MIN_MTU}`);
  if (requested > max) throw invalidInput(`Requested MTU is too big, maximum is ${max}`);
  return requested === 0 ? max : requested;
}

function refuseExternal(external: boolean | undefined): void {
  if (external === true) throw invalidInput("router:external cannot be true: this server has no external networks");
}

/** Ports of these owners are the cloud's own: they go with their network. */
const AUTO_DELETED_OWNERS: readonly string[] = [
  "network:dhcp",
  "network:distributed",
  "network:floatingip_agent_gateway",
];
export const isAutoDeleted = (port: { readonly device_owner: string }): boolean =>
  AUTO_DELETED_OWNERS.includes(port.device_owner);

export const networks: Resource<NetworkObject, typeof attributes> = {
  name: "network",
  collection: "networks",
  attributes,
  filters: standardFilters,
  table: (state) => state.networks,
  tableIn: (tx) => tx.networks,
  notFound: networkNotFound,
  bulk: true,
  quota: "network",

  create(tx, values) {
    refuseExternal(values["router:external"]);
    checkZones(tx, values.availability_zone_hints);
    ensureDefaultGroup(tx, values.project_id);
    const segment = chooseSegment(tx, values);
    return tx.networks.put({
      ...newObject(tx, values),
      ...segment,
      key: freeKey(0xffffff, (key) => tx.networks.count("key", key) > 0),
      admin_state_up: values.admin_state_up,
      status: "ACTIVE",
      shared: values.shared,
      mtu: chooseMtu(tx, segment.network_type, values.mtu),
      port_security_enabled: values.port_security_enabled,
      dns_domain: values.dns_domain,
      availability_zone_hints: values.availability_zone_hints,
    });
  },

  update(tx, network, values) {
    refuseExternal(values["router:external"]);
    const provider = [
      values["provider:network_type"],
      values["provider:physical_network"],
      values["provider:segmentation_id"],
    ];
    if (provider.some((value) => value !== undefined)) throw invalidInput("Only VLAN type networks can be updated.");
    if (values.shared === false && network.shared) checkUnshare(tx, network);
    const mtu = values.mtu === undefined ? undefined : chooseMtu(tx, network.network_type, values.mtu);
    const { name, description, admin_state_up, shared, port_security_enabled, dns_domain } = values;
    return tx.networks.put(
      tx.revise(network, given({ name, description, admin_state_up, shared, port_security_enabled, dns_domain, mtu })),
    );
  },

  remove(tx, network) {
    const ports = tx.ports.by("network_id", network.id);
    const used = ports.filter((port) => !isAutoDeleted(port)).map((port) => port.id);
    if (used.length > 0)
      throw networkInUse(
        network.id,
        `There are one or more ports still in use on the network, id for these ports is: ${used.join(",")}`,
      );
    tx.expectUnchanged(networkRefs(network.id));
    for (const port of ports) tx.ports.delete(port.id);
    for (const subnet of tx.subnets.by("network_id", network.id)) tx.subnets.delete(subnet.id);
    tx.networks.delete(network.id);
  },
};

/** A network that others use cannot be taken from them. */
function checkUnshare(tx: Transaction, network: NetworkObject): void {
  const users = [
    ...tx.ports.by("network_id", network.id).filter((port) => !port.device_owner.startsWith("network:")),
    ...tx.subnets.by("network_id", network.id),
  ];
  if (users.some((user) => user.project_id !== network.project_id)) throw invalidSharedSetting(network.name);
}
