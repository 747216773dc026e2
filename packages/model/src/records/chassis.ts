import { defineKind, type RecordOf } from "../kind.ts";
import { flag, list, nullable, oneOf, text } from "../schema.ts";
import { chassisTopic, endpointTopic, statusTopic } from "../topics.ts";

export const ENCAPSULATIONS = ["geneve", "vxlan"] as const;
export type Encapsulation = (typeof ENCAPSULATIONS)[number];

/** Where a chassis takes tunnel packets. Written by the servers, from the chassis's own status. `id` is the chassis's name. */
export const endpointKind = defineKind({
  kind: "endpoint",
  topic: (e) => endpointTopic(e.id),
  fields: { ip: text, encapsulations: list(oneOf(...ENCAPSULATIONS)) },
});
export type EndpointRecord = RecordOf<typeof endpointKind>;

/** What a controller says of its host. `id` is the chassis's name; `startedAt` RFC 3339. */
export const chassisStatusKind = defineKind({
  kind: "chassis-status",
  topic: (c) => statusTopic(c.id),
  fields: {
    hostname: text,
    tunnelIp: text,
    encapsulations: list(oneOf(...ENCAPSULATIONS)),
    release: text,
    startedAt: text,
    bridgeMappings: list(text),
  },
});
export type ChassisStatusRecord = RecordOf<typeof chassisStatusKind>;

/**
 * A controller has the interface of this port on its host: that is its claim. `up` only after the switch acknowledged the port's flows. `error` in
 * words, or null. The record goes when the interface goes.
 */
export const portStatusKind = defineKind({
  kind: "port-status",
  topic: (s) => statusTopic(s.chassis),
  fields: { chassis: text, up: flag, error: nullable(text) },
});
export type PortStatusRecord = RecordOf<typeof portStatusKind>;

/** The servers' answer to a claim that they did not grant, for the host that made it. `id` is the port's; `holder` the chassis that has it. */
export const claimRefusalKind = defineKind({
  kind: "claim-refusal",
  topic: (r) => chassisTopic(r.chassis),
  fields: { chassis: text, holder: text },
});
export type ClaimRefusalRecord = RecordOf<typeof claimRefusalKind>;
