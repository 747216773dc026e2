import type { AddressGroupObject } from "@dragonflow/model";
import { type Attributes, type Input, Rejected, type Type } from "../core/attribute.ts";
import { addressGroupRefs } from "../core/kinds.ts";
import { pythonRepr } from "../core/python-text.ts";
import { given, identityAttributes, newObject, type Resource, standardAttributes } from "../core/resource.ts";
import type { Transaction } from "../core/transaction.ts";
import { checkDistinct, checkPrefix } from "../core/types.ts";
import {
  addressesAlreadyExist,
  addressesNotFound,
  addressGroupInUse,
  addressGroupNotFound,
  httpBadRequest,
} from "../errors.ts";
import { formatNetwork, parsePrefix } from "../ipam/addresses.ts";

/** @returns networks in canonical text, each once. */
const addressesType: Type<readonly string[]> = {
  parse(value) {
    if (value === null) return [];
    const prefixes = checkDistinct(value).map((item) => parsePrefix(checkPrefix(item)));
    return [...new Set(prefixes.flatMap((prefix) => (prefix === undefined ? [] : [formatNetwork(prefix)])))];
  },
};

const { tags: _, ...ownAttributes } = standardAttributes;
const attributes = {
  ...identityAttributes,
  addresses: { type: addressesType, post: true, default: [] },
  ...ownAttributes,
} as const satisfies Attributes<AddressGroupObject>;

function requested(body: Input | undefined): readonly string[] {
  try {
    return addressesType.parse(body?.["addresses"]);
  } catch (reason) {
    if (reason instanceof Rejected) throw httpBadRequest(`Invalid input for addresses. Reason: ${reason.message}.`);
    throw reason;
  }
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
