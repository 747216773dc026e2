import type { Read } from "@dragonflow/engine";
import { type NetworkRecord, networkTopic, type PortRecord } from "@dragonflow/model";
import {
  type Bucket,
  type Desired,
  floodGroup,
  group,
  type Owner,
  portsByAddress,
  portsByPairAddress,
  setMac,
  type Step,
  towards,
} from "@dragonflow/pipeline";

/** Who answers to an address of a network: a port, by a MAC address of its own. */
interface Holder {
  readonly port: PortRecord;
  readonly mac: string;
}

/**
 * The port that has the address. Where none has it, all that may use it by an allowed address pair, in id order: only the one that is active takes
 * what it gets, and no router can know from the model which one that is.
 */
export function holdersOf(networkId: string, ip: string, read: Read): readonly Holder[] {
  const topic = networkTopic(networkId);
  const own = read.by(portsByAddress, topic, ip);
  if (own.length > 0) return own.filter((port) => port.adminUp).map((port) => ({ port, mac: port.mac }));
  return read
    .by(portsByPairAddress, topic, ip)
    .filter((port) => port.adminUp)
    .flatMap((port) => {
      const macs = new Set(port.pairs.filter((pair) => pair.ip === ip).map((pair) => pair.mac));
      return [...macs].map((mac) => ({ port, mac }));
    });
}

/** What has to be there besides a flow, and the steps that end it. */
export interface Delivery {
  readonly besides: readonly Desired[];
  readonly steps: readonly Step[];
}

/** Delivers to the holder of an address; where there are several, a copy to each, by a group of this name. Undefined where none can be reached. */
export function deliver(
  holders: readonly Holder[],
  network: Pick<NetworkRecord, "networkType">,
  chassis: string,
  copies: { readonly owner: Owner; readonly name: string },
  read: Read,
): Delivery | undefined {
  const ways = new Map<string, Bucket>();
  for (const { port, mac } of holders) {
    const way = towards(port, network.networkType, chassis, read);
    // One copy for a MAC address to another host, which has a group of its own for those that are there.
    const id = `${port.chassis === chassis ? port.id : port.chassis} ${mac}`;
    if (way !== undefined) ways.set(id, { id, steps: [setMac("eth_dst", mac), ...way] });
  }
  const [only, ...others] = ways.values();
  if (only === undefined) return undefined;
  if (others.length === 0) return { besides: [], steps: only.steps };
  return { besides: [floodGroup(copies.owner, copies.name, [...ways.values()])], steps: [group(copies.name)] };
}
