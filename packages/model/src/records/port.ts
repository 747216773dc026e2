import { defineKind, type RecordOf } from "../kind.ts";
import { flag, integer, list, object, oneOf, text } from "../schema.ts";
import { chassisTopic, networkTopic } from "../topics.ts";
import { addressList, addressPairs, key31 } from "./common.ts";

/**
 * A bound port as the other hosts see it: no more than they need, so that no change of the rest disturbs them. `pairs`: single addresses, and
 * prefixes for the sake of another MAC address.
 */
export const portKind = defineKind({
  kind: "port",
  topic: (p) => networkTopic(p.networkId),
  fields: {
    networkId: text,
    key: key31,
    mac: text,
    addresses: addressList,
    pairs: addressPairs,
    chassis: text,
    adminUp: flag,
  },
});
export type PortRecord = RecordOf<typeof portKind>;

/**
 * A port as the host that it is bound to sees it: all that its flows depend on. Same id and key as its {@link portKind} record. `securityGroups` in
 * order of their ids; `identity` is the number of this set, 0 where it is empty.
 */
export const localPortKind = defineKind({
  kind: "local-port",
  topic: (p) => chassisTopic(p.chassis),
  fields: {
    networkId: text,
    chassis: text,
    key: key31,
    mac: text,
    addresses: addressList,
    pairs: addressPairs,
    portSecurity: flag,
    securityGroups: list(text),
    identity: integer(0, 0x7fffffff),
    adminUp: flag,
    hostname: text,
    dhcpOptions: list(object({ ipVersion: oneOf(4, 6), name: text, value: text })),
  },
});
export type LocalPortRecord = RecordOf<typeof localPortKind>;
