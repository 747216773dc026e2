import { randomInt } from "node:crypto";
import { type PortObject, ROUTER_INTERFACE_OWNERS } from "@dragonflow/model";
import {
  type AddressPairRequest,
  addressPairs,
  type DhcpOption,
  dhcpOptions,
  fixedIps,
} from "../core/address-types.ts";
import { type Attributes, type Input, type PostOf, type PutOf, UNSPECIFIED } from "../core/attribute.ts";
import type { ApiConfig } from "../core/config.ts";
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
import {
  boolean,
  dictionary,
  dnsName,
  LIST_LIMIT,
  macOrNull,
  oneOf,
  text,
  textOrNull,
  uniqueTexts,
  uniqueUuids,
  uuid,
} from "../core/types.ts";
import {
  addressPairAndPortSecurityRequired,
  addressPairExhausted,
  badRequest,
  httpBadRequest,
  invalidInput,
  macAddressInUse,
  networkNotFound,
  portBound,
  portHasSecurityGroup,
  portNotFound,
  portSecurityRequiredForGroups,
  servicePortInUse,
  unsupportedPortDeviceOwner,
} from "../errors.ts";
import { allocate, reallocate } from "../ipam/port-addresses.ts";
import { fixedIpsFilter, securityGroupsFilter } from "./port-filters.ts";
import { checkGroups, ensureDefaultGroup, identityOf } from "./security-groups.ts";

const vnicType = oneOf(
  "normal",
  "direct",
  "macvtap",
  "baremetal",
  "direct-physical",
  "virtio-forwarder",
  "smart-nic",
  "vdpa",
  "accelerator-direct",
  "accelerator-direct-physical",
  "remote-managed",
);

/** How a hypervisor plugs a bound port: into br-int, by `external_ids:iface-id`. */
const VIF_DETAILS = { port_filter: true, connectivity: "l2", bridge_name: "br-int", ovs_hybrid_plug: false };

const attributes = {
  ...identityAttributes,
  network_id: { type: uuid, post: true, filter: true, sort: true },
  admin_state_up: { type: boolean, post: true, put: true, default: true, filter: true, sort: true },
  mac_address: { type: macOrNull, post: true, put: true, default: UNSPECIFIED, filter: true, sort: true },
  fixed_ips: { type: fixedIps, post: true, put: true, default: UNSPECIFIED },
  device_id: { type: text(255), post: true, put: true, default: "", filter: true, sort: true },
  device_owner: { type: text(255), post: true, put: true, default: "", filter: true, sort: true },
  status: { filter: true, sort: true },
  "binding:vif_type": { value: vifType },
  "binding:vif_details": { value: (p) => (p.host_id === "" ? {} : VIF_DETAILS) },
  "binding:vnic_type": { type: vnicType, post: true, put: true, default: "normal", value: (p) => p.vnic_type },
  "binding:host_id": {
    type: textOrNull(255),
    post: true,
    put: true,
    default: UNSPECIFIED,
    filter: true,
    value: (p) => p.host_id,
  },
  "binding:profile": {
    type: dictionary,
    post: true,
    put: true,
    default: UNSPECIFIED,
    value: (p) => p.binding_profile,
  },
  security_groups: { type: uniqueUuids, post: true, put: true, default: UNSPECIFIED },
  port_security_enabled: { type: boolean, post: true, put: true, default: UNSPECIFIED },
  allowed_address_pairs: { type: addressPairs, post: true, put: true, default: UNSPECIFIED },
  extra_dhcp_opts: { type: dhcpOptions, post: true, put: true, default: [] },
  dns_name: { type: dnsName, post: true, put: true, default: "" },
  dns_assignment: { value: (p, reader) => dnsAssignment(p, reader.config.dnsDomain) },
  ...standardAttributes,
  tags: { type: uniqueTexts(255), post: true, default: [] },
} as const satisfies Attributes<PortObject>;

function vifType(port: PortObject): "ovs" | "unbound" {
  return port.host_id === "" ? "unbound" : "ovs";
}

const isRouterPort = (port: { readonly device_owner: string }) => ROUTER_INTERFACE_OWNERS.includes(port.device_owner);

/** Ports of the cloud itself are trusted: nothing filters them. */
const isTrusted = (deviceOwner: string) => deviceOwner.startsWith("network:");

/** Every address has a name: the port's own, or one made from the address. */
function dnsAssignment(port: PortObject, domain: string): readonly Input[] {
  return port.fixed_ips.map(({ ip_address }) => {
    const hostname = port.dns_name === "" ? `host-${ip_address.replaceAll(/[.:]/g, "-")}` : port.dns_name;
    const fqdn = hostname.endsWith(".") || domain === "" ? hostname : `${hostname}.${domain}`;
    return { ip_address, hostname: hostname.split(".")[0] ?? hostname, fqdn };
  });
}

function checkDnsName(name: string, domain: string): void {
  if (name === "" || domain === "") return;
  const higher = `.${domain}`;
  if (!name.endsWith(".")) {
    if (name.length + higher.length > 255)
      throw httpBadRequest(
        `Invalid input for dns_name. Reason: The dns_name passed is a PQDN and its size is '${name.length}'. With ${domain} appended it exceeds the maximum size of '255'.`,
      );
  } else if (name.length <= higher.length || !name.endsWith(higher)) {
    throw httpBadRequest(
      `Invalid input for dns_name. Reason: The dns_name passed is a FQDN. Its higher level labels must be equal to the dns_domain option of this server, that has been set to '${domain}'. It must also include one or more valid DNS labels to the left of '${domain}'.`,
    );
  }
}

/** A random address of the cloud's own prefix that no port of the network has. */
export function generateMac(tx: Transaction, networkId: string): string {
  for (;;) {
    const octets = [randomInt(256), randomInt(256), randomInt(256)].map((o) => o.toString(16).padStart(2, "0"));
    const mac = [tx.config.baseMac, ...octets].join(":");
    if (!isMacUsed(tx, networkId, mac)) return mac;
  }
}
function isMacUsed(tx: Transaction, networkId: string, mac: string): boolean {
  return tx.ports.by("mac_address", mac).some((port) => port.network_id === networkId);
}
function chooseMac(tx: Transaction, networkId: string, requested: string | null | undefined): string {
  if (requested === null || requested === undefined) return generateMac(tx, networkId);
  if (isMacUsed(tx, networkId, requested)) throw macAddressInUse(networkId, requested);
  return requested;
}

function checkProfile(profile: Input): Input {
  if (JSON.stringify(profile).length > 4095) throw invalidInput("binding:profile value too large");
  return profile;
}

function pairsOf(
  config: ApiConfig,
  requested: readonly AddressPairRequest[],
  mac: string,
): PortObject["allowed_address_pairs"] {
  if (requested.length > config.maxAllowedAddressPairs) throw addressPairExhausted(config.maxAllowedAddressPairs);
  const pairs = requested.map((p) => ({ ip_address: p.ip_address, mac_address: p.mac_address ?? mac }));
  return pairs.filter(
    (p, i) => pairs.findIndex((q) => q.ip_address === p.ip_address && q.mac_address === p.mac_address) === i,
  );
}

/** A PUT names the options that change: a value sets, null takes away, the others stay. */
function mergeOptions(
  current: PortObject["extra_dhcp_opts"],
  changes: readonly DhcpOption[],
): PortObject["extra_dhcp_opts"] {
  const merged = new Map(current.map((o) => [`${o.ip_version} ${o.opt_name}`, o]));
  for (const { opt_name, opt_value, ip_version } of changes) {
    if (opt_value === null) merged.delete(`${ip_version} ${opt_name}`);
    else merged.set(`${ip_version} ${opt_name}`, { opt_name, opt_value, ip_version });
  }
  if (merged.size > LIST_LIMIT) throw invalidInput(`A port must not have more than ${LIST_LIMIT} DHCP options`);
  return [...merged.values()];
}

/** A router's interface is made through its router, which checks what it joins. */
function refuseRouterOwner(owner: string | undefined): void {
  if (owner !== undefined && ROUTER_INTERFACE_OWNERS.includes(owner))
    throw badRequest("port", `device_owner ${owner} is set by add_router_interface only`);
}

export interface NewPort extends Omit<PostOf<typeof attributes>, "tenant_id"> {}

/** Groups and their number change together. */
function withGroups(tx: Transaction, ids: readonly string[]): Pick<PortObject, "security_groups" | "identity_key"> {
  const security_groups = checkGroups(tx, ids);
  return { security_groups, identity_key: identityOf(tx, security_groups) };
}

/** Nothing said, nothing changed: but a port without port security has no groups, and one with groups has port security. */
function changeGroups(
  tx: Transaction,
  port: PortObject,
  wanted: readonly string[] | undefined,
  secure: boolean,
): Partial<Pick<PortObject, "security_groups" | "identity_key">> {
  if (!secure && wanted !== undefined && wanted.length > 0) throw portSecurityRequiredForGroups();
  if (!secure && wanted === undefined && port.security_groups.length > 0) throw portHasSecurityGroup();
  return wanted === undefined ? {} : withGroups(tx, wanted);
}

/** Makes a port, whoever asks for it: a client, or a router that needs an interface. */
export function createPort(tx: Transaction, values: NewPort, status: PortObject["status"]): PortObject {
  const network = tx.networks.get(values.network_id);
  const defaultGroup = ensureDefaultGroup(tx, values.project_id);
  if (network === undefined) throw networkNotFound(values.network_id);
  checkDnsName(values.dns_name, tx.config.dnsDomain);
  const mac_address = chooseMac(tx, network.id, values.mac_address);
  const { device_owner, device_id } = values;
  const fixed_ips = allocate(tx, { network_id: network.id, device_owner, mac_address }, values.fixed_ips);
  const secure = !isTrusted(device_owner) && (values.port_security_enabled ?? network.port_security_enabled);
  const allowed_address_pairs = pairsOf(tx.config, values.allowed_address_pairs ?? [], mac_address);
  if (!secure && allowed_address_pairs.length > 0) throw addressPairAndPortSecurityRequired();
  const groups = values.security_groups ?? (secure && defaultGroup !== undefined ? [defaultGroup.id] : []);
  if (!secure && groups.length > 0) throw portSecurityRequiredForGroups();
  const host = values["binding:host_id"] ?? "";
  return tx.ports.put({
    ...newObject(tx, values),
    tags: values.tags,
    key: freeKey(0x7fffffff, (key) => tx.ports.count("key", key) > 0),
    network_id: network.id,
    mac_address,
    fixed_ips,
    admin_state_up: values.admin_state_up,
    status,
    device_id,
    device_owner,
    port_security_enabled: secure,
    allowed_address_pairs,
    extra_dhcp_opts: mergeOptions([], values.extra_dhcp_opts),
    dns_name: values.dns_name,
    requested_host_id: host,
    host_id: host,
    ...withGroups(tx, groups),
    vnic_type: values["binding:vnic_type"],
    binding_profile: checkProfile(values["binding:profile"] ?? {}),
  });
}

function newMac(tx: Transaction, port: PortObject, requested: string | null | undefined, owner: string): string {
  if (requested === undefined || requested === port.mac_address) return port.mac_address;
  const mac = requested ?? generateMac(tx, port.network_id);
  if (vifType(port) !== "unbound") throw portBound(port.id, vifType(port), port.mac_address, mac);
  if (isTrusted(owner)) throw unsupportedPortDeviceOwner("mac address update", port.id, owner);
  return chooseMac(tx, port.network_id, mac);
}

/** What a router holds of its interface is changed through the router. */
function refuseRouterPortChange(port: PortObject, values: PutOf<typeof attributes>): void {
  if (!isRouterPort(port)) return refuseRouterOwner(values.device_owner);
  const { device_owner = port.device_owner, device_id = port.device_id } = values;
  if (device_owner !== port.device_owner || device_id !== port.device_id)
    throw unsupportedPortDeviceOwner("device update", port.id, port.device_owner);
  const isSame = (f: { readonly subnet_id?: string; readonly ip_address?: string }) =>
    port.fixed_ips.some((g) => g.ip_address === f.ip_address && (f.subnet_id ?? g.subnet_id) === g.subnet_id);
  const wanted = values.fixed_ips;
  if (wanted !== undefined && (wanted.length !== port.fixed_ips.length || !wanted.every(isSame)))
    throw badRequest("ports", `IP updates for port ${port.id} are not allowed`);
}

export const ports: Resource<PortObject, typeof attributes> = {
  name: "port",
  collection: "ports",
  attributes,
  filters: { ...standardFilters, fixed_ips: fixedIpsFilter, security_groups: securityGroupsFilter },
  table: (state) => state.ports,
  tableIn: (tx) => tx.ports,
  notFound: portNotFound,
  bulk: true,
  quota: "port",

  create(tx, values) {
    refuseRouterOwner(values.device_owner);
    return createPort(tx, values, "DOWN");
  },

  update(tx, port, values) {
    refuseRouterPortChange(port, values);
    ensureDefaultGroup(tx, port.project_id);
    if (values.dns_name !== undefined) checkDnsName(values.dns_name, tx.config.dnsDomain);
    const device_owner = values.device_owner ?? port.device_owner;
    const mac_address = newMac(tx, port, values.mac_address, device_owner);
    const owner = { network_id: port.network_id, device_owner, mac_address };
    const pairs = values.allowed_address_pairs;
    const allowed_address_pairs =
      pairs === undefined ? port.allowed_address_pairs : pairsOf(tx.config, pairs, mac_address);
    const secure = values.port_security_enabled ?? port.port_security_enabled;
    if (!secure && allowed_address_pairs.length > 0) throw addressPairAndPortSecurityRequired();
    const groups = changeGroups(tx, port, values.security_groups, secure);
    const host = values["binding:host_id"];
    const isMoved = host !== undefined && (host ?? "") !== port.host_id;
    const { name, description, admin_state_up, device_id, dns_name } = values;
    const profile = values["binding:profile"];
    const change = given({
      name,
      description,
      admin_state_up,
      device_id,
      dns_name,
      vnic_type: values["binding:vnic_type"],
      binding_profile: profile === undefined ? undefined : checkProfile(profile),
      requested_host_id: host === undefined ? undefined : (host ?? ""),
      host_id: host === undefined ? undefined : (host ?? ""),
      status: isMoved ? ("DOWN" as const) : undefined,
      extra_dhcp_opts:
        values.extra_dhcp_opts === undefined ? undefined : mergeOptions(port.extra_dhcp_opts, values.extra_dhcp_opts),
      fixed_ips:
        values.fixed_ips === undefined || isRouterPort(port)
          ? undefined
          : reallocate(tx, owner, port.fixed_ips, values.fixed_ips),
    });
    return tx.ports.put(
      tx.revise(port, {
        ...change,
        ...groups,
        device_owner,
        mac_address,
        allowed_address_pairs,
        port_security_enabled: secure,
      }),
    );
  },

  remove(tx, port) {
    if (isRouterPort(port) && port.fixed_ips.length > 0 && tx.routers.get(port.device_id) !== undefined)
      throw servicePortInUse(port.id, `has device owner ${port.device_owner}`);
    tx.ports.delete(port.id);
  },
};
