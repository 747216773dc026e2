import {
  type EndpointRecord,
  endpointKind,
  type LocalPortRecord,
  localPortKind,
  type NetworkRecord,
  networkKind,
  type RouterInterfaceRecord,
  type RouterRecord,
  routerInterfaceKind,
  routerKind,
  type SubnetRecord,
  subnetKind,
} from "@dragonflow/model";
import { contains, parseCidr, parseIp } from "@dragonflow/packet";

/** A record of any kind, as the store has it. */
export interface AnyRecord {
  readonly kind: string;
  readonly fields: { readonly id: string; readonly [name: string]: unknown };
}

/**
 * Which way a packet from one port to an address of another takes, by the model alone: no flow is looked at, and no code of those who make them. What
 * security groups say of it is the evaluator's to decide.
 */
export type Way =
  /** To this MAC address in the sender's network; `reaches`: the other port gets it, once. */
  | { readonly reaches: true; readonly mac: string; readonly via: string }
  /** Whatever is sent: this MAC address is the best that the sender can try. */
  | { readonly reaches: false; readonly mac: string; readonly why: string };

/** So many routers a packet crosses on its way; what would need more is dropped. */
const MOST_ROUTERS = 4;

type Encapsulation = EndpointRecord["encapsulations"][number];
const isEncapsulation = (type: string): type is Encapsulation => type === "geneve" || type === "vxlan";

/** The topology of a cloud, from its records. @throws {ShapeError} for one that does not have the fields of its kind. */
export class Topology {
  readonly ports = new Map<string, LocalPortRecord>();
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #subnets = new Map<string, SubnetRecord>();
  readonly #routers = new Map<string, RouterRecord>();
  readonly #interfaces: RouterInterfaceRecord[] = [];
  readonly #endpoints = new Map<string, EndpointRecord>();

  constructor(records: Iterable<AnyRecord>) {
    for (const { kind, fields } of records) {
      if (kind === localPortKind.kind) this.ports.set(fields.id, localPortKind.parse(fields));
      if (kind === networkKind.kind) this.#networks.set(fields.id, networkKind.parse(fields));
      if (kind === subnetKind.kind) this.#subnets.set(fields.id, subnetKind.parse(fields));
      if (kind === routerKind.kind) this.#routers.set(fields.id, routerKind.parse(fields));
      if (kind === routerInterfaceKind.kind) this.#interfaces.push(routerInterfaceKind.parse(fields));
      if (kind === endpointKind.kind) this.#endpoints.set(fields.id, endpointKind.parse(fields));
    }
    this.#interfaces.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** @param address of the receiver, that the packet is for. @param own of the sender, of the same family. */
  way(from: LocalPortRecord, own: string, to: LocalPortRecord, address: string): Way {
    const here = this.#networks.get(from.networkId);
    const there = this.#networks.get(to.networkId);
    const isSame = from.networkId === to.networkId;
    const entrance = isSame ? undefined : this.#entrance(from, own);
    const mac = isSame ? to.mac : (entrance?.mac ?? to.mac);
    const no = (why: string): Way => ({ reaches: false, mac, why });
    if (here === undefined || there === undefined) return no("the network of one of them is not there");
    for (const port of [from, to]) if (!port.adminUp) return no(`port ${port.id} is administratively down`);
    for (const network of [here, there])
      if (!network.adminUp) return no(`network ${network.id} is administratively down`);
    if (!isSame) {
      if (entrance === undefined) return no(`no router of network ${here.id} has an address of this family`);
      const why = this.#routed(entrance, to, address);
      if (why !== undefined) return no(why);
    }
    const cut = this.#carried(there, from.chassis, to.chassis);
    if (cut !== undefined) return no(cut);
    return { reaches: true, mac, via: isSame ? `network ${here.id}` : `router ${entrance?.routerId}` };
  }

  /** The interface that has the gateway address of the sender's subnet; else the first of its network that has an address of the family. */
  #entrance(from: LocalPortRecord, own: string): RouterInterfaceRecord | undefined {
    const subnet = this.#subnets.get(from.addresses.find(({ ip }) => ip === own)?.subnetId ?? "");
    const candidates = this.#interfaces.filter(
      (i) => i.networkId === from.networkId && i.addresses.some(({ ip }) => isIpv6(ip) === isIpv6(own)),
    );
    return candidates.find((i) => i.addresses.some(({ ip }) => ip === subnet?.gatewayIp)) ?? candidates[0];
  }

  /** Why the router does not bring the packet into the receiver's network; undefined: it does. */
  #routed(entrance: RouterInterfaceRecord, to: LocalPortRecord, address: string): string | undefined {
    if (!entrance.adminUp) return `router interface ${entrance.id} is administratively down`;
    let routerId = entrance.routerId;
    for (let crossed = 1; crossed <= MOST_ROUTERS; crossed++) {
      const router = this.#routers.get(routerId);
      if (router?.adminUp !== true) return `router ${routerId} is administratively down`;
      const next = this.#next(router, address);
      if (next === undefined) return `router ${routerId} has no route to ${address}`;
      if (next.nexthop === undefined)
        return next.networkId === to.networkId ? undefined : `router ${routerId} leads to network ${next.networkId}`;
      const other = this.#interfaces.find(
        (i) => i.adminUp && i.routerId !== routerId && i.networkId === next.networkId && hasAddress(i, next.nexthop),
      );
      if (other === undefined) return `router ${routerId} sends it to ${next.nexthop}`;
      routerId = other.routerId;
    }
    return `it would cross more than ${MOST_ROUTERS} routers`;
  }

  /** The longest prefix; of two of one length that of a network which is connected (RFC 1812 section 5.2.4.3). */
  #next(router: RouterRecord, address: string) {
    const own = this.#interfaces.filter((i) => i.routerId === router.id && i.adminUp);
    const connected = own.flatMap(({ networkId, addresses }) =>
      addresses.flatMap(({ subnetId }) => {
        const cidr = this.#subnets.get(subnetId)?.cidr;
        return cidr === undefined ? [] : [{ prefix: parseCidr(cidr), networkId, nexthop: undefined }];
      }),
    );
    const extra = router.routes
      .toSorted((a, b) => (a.nexthop < b.nexthop ? -1 : 1))
      .map(({ destination, nexthop }) => {
        const onLink = connected.find(({ prefix }) => contains(prefix, parseIp(nexthop)));
        return { prefix: parseCidr(destination), networkId: onLink?.networkId ?? "", nexthop };
      });
    return [...connected, ...extra]
      .filter(({ prefix }) => contains(prefix, parseIp(address)))
      .reduce<(typeof connected)[number] | (typeof extra)[number] | undefined>(
        (best, route) => (best === undefined || route.prefix.prefixLength > best.prefix.prefixLength ? route : best),
        undefined,
      );
  }

  /** Why the network cannot carry it from host to host; undefined: it can. */
  #carried({ id, networkType, segmentationId }: NetworkRecord, from: string, to: string): string | undefined {
    if (from === to) return undefined;
    if (!isEncapsulation(networkType) || segmentationId === null)
      return `network ${id} of type ${networkType} goes by no tunnel`;
    const without = [from, to].find((host) => this.#endpoints.get(host)?.encapsulations.includes(networkType) !== true);
    return without === undefined ? undefined : `host ${without} has no endpoint for ${networkType}`;
  }
}

export const isIpv6 = (address: string): boolean => address.includes(":");
const hasAddress = ({ addresses }: RouterInterfaceRecord, address: string): boolean =>
  addresses.some(({ ip }) => ip === address);
