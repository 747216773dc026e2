import {
  type EndpointRecord,
  endpointKind,
  type LocalPortRecord,
  type NetworkRecord,
  networkKind,
  type RouterInterfaceRecord,
  type RouterRecord,
  routerInterfaceKind,
  routerKind,
  type SubnetRecord,
  subnetKind,
} from "@dragonflow/model";
import { inPrefix, parseAddress } from "../addresses.ts";
import { type AnyRecord, type Cloud, cloudOf } from "../cloud.ts";

/** Who has an address, and by which MAC address. */
export interface Holder {
  readonly port: LocalPortRecord;
  readonly mac: string;
}

type Encapsulation = EndpointRecord["encapsulations"][number];
const isEncapsulation = (type: string): type is Encapsulation => type === "geneve" || type === "vxlan";
const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

/** What a cloud is made of, by the records that describe it. Everything in lists is in order of ids. */
export class Topology {
  readonly cloud: Cloud;
  readonly networks = new Map<string, NetworkRecord>();
  readonly subnets = new Map<string, SubnetRecord>();
  readonly routers = new Map<string, RouterRecord>();
  readonly interfaces: readonly RouterInterfaceRecord[];
  readonly #endpoints = new Map<string, EndpointRecord>();
  readonly #inNetwork: ReadonlyMap<string, readonly RouterInterfaceRecord[]>;
  readonly #ofRouter: ReadonlyMap<string, readonly RouterInterfaceRecord[]>;
  readonly #portsOf: ReadonlyMap<string, readonly LocalPortRecord[]>;
  readonly #byMac = new Map<string, LocalPortRecord[]>();
  readonly #byAddress = new Map<string, LocalPortRecord[]>();
  readonly #byPair = new Map<string, Holder[]>();
  readonly #prefixesOf = new Map<string, { readonly port: LocalPortRecord; readonly prefix: string }[]>();

  /** @throws {ShapeError} for a record that does not have the fields of its kind. */
  constructor(records: Iterable<AnyRecord>) {
    const all = [...records];
    const interfaces: RouterInterfaceRecord[] = [];
    this.cloud = cloudOf(all);
    for (const { kind, fields } of all) {
      if (kind === networkKind.kind) this.networks.set(fields.id, networkKind.parse(fields));
      if (kind === subnetKind.kind) this.subnets.set(fields.id, subnetKind.parse(fields));
      if (kind === routerKind.kind) this.routers.set(fields.id, routerKind.parse(fields));
      if (kind === routerInterfaceKind.kind) interfaces.push(routerInterfaceKind.parse(fields));
      if (kind === endpointKind.kind) this.#endpoints.set(fields.id, endpointKind.parse(fields));
    }
    this.interfaces = interfaces.sort(byId);
    this.#inNetwork = Map.groupBy(this.interfaces, ({ networkId }) => networkId);
    this.#ofRouter = Map.groupBy(this.interfaces, ({ routerId }) => routerId);
    const ports = [...this.cloud.ports.values()].sort(byId);
    this.#portsOf = Map.groupBy(ports, ({ networkId }) => networkId);
    for (const port of ports) this.#index(port);
  }

  #index(port: LocalPortRecord): void {
    const { networkId } = port;
    const macs = new Set([port.mac, ...port.pairs.map(({ mac }) => mac)]);
    for (const mac of macs) push(this.#byMac, `${networkId} ${mac}`, port);
    for (const key of new Set(port.addresses.map(({ ip }) => addressKey(ip))))
      push(this.#byAddress, `${networkId} ${key}`, port);
    const single = port.pairs.filter(({ ip }) => !ip.includes("/"));
    const pairs = new Map(single.map(({ ip, mac }) => [`${networkId} ${addressKey(ip)} ${mac}`, { ip, mac }]));
    for (const { ip, mac } of pairs.values()) push(this.#byPair, `${networkId} ${addressKey(ip)}`, { port, mac });
    for (const { ip: prefix } of port.pairs)
      if (prefix.includes("/")) push(this.#prefixesOf, networkId, { port, prefix });
  }

  portsOf(networkId: string): readonly LocalPortRecord[] {
    return this.#portsOf.get(networkId) ?? [];
  }
  isUp(networkId: string): boolean {
    return this.networks.get(networkId)?.adminUp === true;
  }

  /** Interfaces that routers have in a network; and all of one router. Up or not. */
  routersOf(networkId: string): readonly RouterInterfaceRecord[] {
    return this.#inNetwork.get(networkId) ?? [];
  }
  linksOf(routerId: string): readonly RouterInterfaceRecord[] {
    return this.#ofRouter.get(routerId) ?? [];
  }
  /** The same without those that are down. */
  interfacesIn(networkId: string): readonly RouterInterfaceRecord[] {
    return this.routersOf(networkId).filter(({ adminUp }) => adminUp);
  }
  interfacesOf(routerId: string): readonly RouterInterfaceRecord[] {
    return this.linksOf(routerId).filter(({ adminUp }) => adminUp);
  }

  /** The port of the network that has the address, up or not. */
  ownersOf(networkId: string, address: string): readonly LocalPortRecord[] {
    return this.#byAddress.get(`${networkId} ${addressKey(address)}`) ?? [];
  }

  /**
   * Where a router sends what is for an address of the network: to the port that has it. Where no port does, to all that may use it by an allowed
   * address pair, which one of them does nobody else can know. Nothing is sent to a port that is down.
   */
  holdersOf(networkId: string, address: string): readonly Holder[] {
    const owners = this.ownersOf(networkId, address);
    const all =
      owners.length > 0
        ? owners.map((port) => ({ port, mac: port.mac }))
        : (this.#byPair.get(`${networkId} ${addressKey(address)}`) ?? []);
    return all.filter(({ port }) => port.adminUp);
  }

  /** All that may use the address in the network, up or not, each with the length of the prefix that says so. */
  usersOf(networkId: string, address: string): readonly { readonly port: LocalPortRecord; readonly length: number }[] {
    const width = isIpv6(address) ? 128 : 32;
    const pairs = this.#byPair.get(`${networkId} ${addressKey(address)}`) ?? [];
    const exact = [...this.ownersOf(networkId, address), ...pairs.map(({ port }) => port)];
    const wider = (this.#prefixesOf.get(networkId) ?? []).filter(({ prefix }) => inPrefix(address, prefix));
    return [
      ...exact.map((port) => ({ port, length: width })),
      ...wider.map(({ port, prefix }) => ({ port, length: Number(prefix.split("/")[1]) })),
    ].sort((a, b) => byId(a.port, b.port));
  }

  /** Who gets a frame for a MAC address of the network: the port that has it; else all that may use it by an allowed address pair. */
  receiversOf(networkId: string, mac: string): readonly LocalPortRecord[] {
    const up = (this.#byMac.get(`${networkId} ${mac}`) ?? []).filter(({ adminUp }) => adminUp);
    const own = up.filter((port) => port.mac === mac);
    return own.length > 0 ? own : up;
  }

  /** Why the network cannot carry a frame from host to host; undefined: it can. */
  cut(networkId: string, from: string, to: string): string | undefined {
    const network = this.networks.get(networkId);
    if (network === undefined || from === to) return undefined;
    const { networkType, segmentationId } = network;
    if (!isEncapsulation(networkType) || segmentationId === null)
      return `network ${networkId} of type ${networkType} goes by no tunnel`;
    const without = [from, to].find((host) => this.#endpoints.get(host)?.encapsulations.includes(networkType) !== true);
    return without === undefined ? undefined : `host ${without} has no endpoint for ${networkType}`;
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

function addressKey(text: string): string {
  const { version, bits } = parseAddress(text);
  return `${version} ${bits}`;
}
export const isSameAddress = (one: string, other: string): boolean => addressKey(one) === addressKey(other);
export const isIpv6 = (address: string): boolean => address.includes(":");

const UNIVERSAL_BIT = 2;
/** The address that a MAC address makes on its link (RFC 4291 sections 2.5.6 and appendix A). */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(":").map((byte) => Number.parseInt(byte, 16));
  const groups = [
    [a ^ UNIVERSAL_BIT, b],
    [c, 0xff],
    [0xfe, d],
    [e, f],
  ];
  return `fe80::${groups.map(([high = 0, low = 0]) => (high * 256 + low).toString(16)).join(":")}`;
}
