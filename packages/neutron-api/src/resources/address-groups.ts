import type { AddressGroupObject } from "@dragonflow/model";
import type { Attributes, Input, Type } from "../core/attribute.ts";
import { addressGroupRefs } from "../core/kinds.ts";
import { pythonRepr, pythonText } from "../core/python-text.ts";
import { given, identityAttributes, newObject, type Resource, standardAttributes } from "../core/resource.ts";
import type { Transaction } from "../core/transaction.ts";
import { checkDistinct, checkPrefix } from "../core/types.ts";
import {
  addressesAlreadyExist,
  addressesNotFound,
  addressGroupInUse,
  addressGroupNotFound,
  httpBadRequest,
  invalidNetwork,
} from "../errors.ts";
import { formatNetwork, parsePrefix, type Prefix } from "../ipam/addresses.ts";

const distinct = (prefixes: readonly Prefix[]): readonly string[] => [...new Set(prefixes.map(formatNetwork))];

/** @returns networks in canonical text, each once. */
const addressesType: Type<readonly string[]> = {
  parse: (value) =>
    value === null ? [] : distinct(checkDistinct(value).flatMap((item) => parsePrefix(checkPrefix(item)) ?? [])),
};

const attributes = {
  ...identityAttributes,
  addresses: { type: addressesType, post: true, default: [] },
  project_id: standardAttributes.project_id,
  description: standardAttributes.description,
} as const satisfies Attributes<AddressGroupObject>;

/** What the answers of the two actions show, and nothing else does. */
export const actionAttributes: Attributes<AddressGroupObject> = {
  ...attributes,
  shared: { value: () => false },
  created_at: standardAttributes.created_at,
  updated_at: standardAttributes.updated_at,
  revision_number: standardAttributes.revision_number,
};

/** The two actions take addresses without a length too. */
function requested(body: Input | undefined): readonly string[] {
  const items = body?.["addresses"];
  if (!Array.isArray(items)) throw httpBadRequest("Invalid input for addresses. Reason: a list is needed.");
  return distinct(
    items.map((item: unknown) => {
      const prefix = typeof item === "string" ? parsePrefix(item) : undefined;
      if (prefix === undefined) throw invalidNetwork(pythonText(item));
      return prefix;
    }),
  );
}

/** The action `add_addresses`: all of them, or none. */
export function addAddresses(tx: Transaction, group: AddressGroupObject, body: Input | undefined): AddressGroupObject {
  const wanted = requested(body);
  const known = wanted.filter((address) => group.addresses.includes(address));
  if (known.length > 0) throw addressesAlreadyExist(pythonRepr(known), group.id);
  return tx.addressGroups.put(tx.revise(group, { addresses: [...group.addresses, ...wanted] }));
}

/** The action `remove_addresses`: all of them, or none. */
export function removeAddresses(
  tx: Transaction,
  group: AddressGroupObject,
  body: Input | undefined,
): AddressGroupObject {
  const wanted = requested(body);
  const unknown = wanted.filter((address) => !group.addresses.includes(address));
  if (unknown.length > 0) throw addressesNotFound(pythonRepr(unknown), group.id);
  const addresses = group.addresses.filter((address) => !wanted.includes(address));
  return tx.addressGroups.put(tx.revise(group, { addresses }));
}

export const addressGroups: Resource<AddressGroupObject, typeof attributes> = {
  name: "address_group",
  collection: "address_groups",
  attributes,
  table: (state) => state.addressGroups,
  tableIn: (tx) => tx.addressGroups,
  notFound: addressGroupNotFound,
  bulk: true,

  create(tx, values) {
    return tx.addressGroups.put({ ...newObject(tx, values), addresses: values.addresses });
  },

  update(tx, group, { name, description }) {
    return tx.addressGroups.put(tx.revise(group, given({ name, description })));
  },

  remove(tx, group) {
    if (tx.securityGroupRules.count("remote_address_group_id", group.id) > 0) throw addressGroupInUse(group.id);
    tx.expectUnchanged(addressGroupRefs(group.id));
    tx.addressGroups.delete(group.id);
  },
};
