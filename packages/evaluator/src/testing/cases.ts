/** Random cases: a cloud, and a packet in it. For whatever claims to do what the model says: compare it with `evaluate(case.cloud, case.packet)`. */
import type { NbRecord } from "@dragonflow/model";
import fc from "fast-check";
import { type Cloud, cloudOf } from "../cloud.ts";
import type { IpPacket, Packet } from "../packet.ts";
import { type CloudChoice, cloudChoices, type CloudOptions, isRouted, recordsOf } from "./clouds.ts";
import { type PacketChoice, packetChoices, packetOf } from "./packets.ts";

export interface CaseChoice {
  readonly cloud: CloudChoice;
  readonly packet: PacketChoice;
}

export interface Case {
  /** All of the NB database, in topics: networks, a router where one is, ports, groups, identities, endpoints of the three hosts. */
  readonly records: readonly NbRecord[];
  /** What the evaluator makes of them. On which host a port is, its record says. */
  readonly cloud: Cloud;
  /** With the state of its connection. Its sender's port security lets it pass. */
  readonly packet: Packet;
  /** Of a reply, or of an error about a connection: a packet of that connection in the direction of its first. */
  readonly original: IpPacket | null;
  /** What an error is about. */
  readonly quoted: IpPacket | null;
  /** A router leads from one network to the other. */
  readonly routed: boolean;
}

export function caseOf({ cloud: clouds, packet }: CaseChoice): Case {
  const records = recordsOf(clouds);
  const cloud = cloudOf(records);
  const made = { records, cloud, ...packetOf(clouds, cloud, packet), routed: isRouted(clouds) };
  // What a failing property prints.
  return Object.defineProperty(made, fc.toStringMethod, { value: () => describeCase(made) });
}

export function cases(options: CloudOptions = {}): fc.Arbitrary<Case> {
  return fc.record({ cloud: cloudChoices(options), packet: packetChoices }).map(caseOf);
}

/** In words: the ports that matter with their groups and rules, and the packet. */
export function describeCase({ cloud, packet }: Pick<Case, "cloud" | "packet">): string {
  const ends = [packet.from, packet.to].flatMap((place) => (typeof place === "string" ? [] : [place.port]));
  const groups = new Set<string>();
  const ports = ends.flatMap((id) => {
    const port = cloud.ports.get(id);
    for (const group of port?.securityGroups ?? []) groups.add(group);
    return port === undefined ? [] : [`port ${JSON.stringify(port)}`];
  });
  const rules = [...groups].map((id) => `group ${JSON.stringify(cloud.securityGroups.get(id))}`);
  const addresses = [...cloud.addressGroups.values()].map((group) => `address group ${JSON.stringify(group)}`);
  return ["", ...ports, ...rules, ...addresses, `packet ${JSON.stringify(packet)}`, ""].join("\n");
}
