import {
  type AddressGroupRecord,
  addressGroupKind,
  type LocalPortRecord,
  localPortKind,
  type SecurityGroupRecord,
  securityGroupKind,
} from "@dragonflow/model";

/**
 * All that decides: the ports of every host, the groups with their rules, the address groups; by id. What else is in the NB database (identities
 * most of all) is there to make the decision cheap, and is not looked at.
 */
export interface Cloud {
  readonly ports: ReadonlyMap<string, LocalPortRecord>;
  readonly securityGroups: ReadonlyMap<string, SecurityGroupRecord>;
  readonly addressGroups: ReadonlyMap<string, AddressGroupRecord>;
}

/** A record of any kind, as the NB database has it. */
export interface AnyRecord {
  readonly kind: string;
  readonly fields: { readonly id: string; readonly [name: string]: unknown };
}

/** The cloud that is described by records of any topics and kinds. @throws {ShapeError} when one does not have the fields of its kind. */
export function cloudOf(records: Iterable<AnyRecord>): Cloud {
  const ports = new Map<string, LocalPortRecord>();
  const securityGroups = new Map<string, SecurityGroupRecord>();
  const addressGroups = new Map<string, AddressGroupRecord>();
  for (const { kind, fields } of records) {
    if (kind === localPortKind.kind) ports.set(fields.id, localPortKind.parse(fields));
    if (kind === securityGroupKind.kind) securityGroups.set(fields.id, securityGroupKind.parse(fields));
    if (kind === addressGroupKind.kind) addressGroups.set(fields.id, addressGroupKind.parse(fields));
  }
  return { ports, securityGroups, addressGroups };
}
