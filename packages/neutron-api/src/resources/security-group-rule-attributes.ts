import { PROTOCOLS } from "@dragonflow/model";
import { type Attributes, type Type } from "../core/attribute.ts";
import { pythonRepr, pythonText } from "../core/python-text.ts";
import { identityAttributes, standardAttributes } from "../core/resource.ts";
import type { RuleObject } from "../core/security-group-rules.ts";
import { oneOf, text } from "../core/types.ts";
import { invalidCidr, ruleInvalidEthertype, ruleInvalidPort, ruleInvalidProtocol } from "../errors.ts";
import { formatIp, parsePrefix } from "../ipam/addresses.ts";

/** A converter serves requests and filters alike. */
const type = <T>(parse: (value: unknown) => T): Type<T> => ({ parse, fromQuery: parse });

const ETHERTYPES = ["IPv4", "IPv6"] as const;
const ethertype = type((value): RuleObject["ethertype"] => {
  const known = ETHERTYPES.find((each) => typeof value === "string" && each.toLowerCase() === value.toLowerCase());
  if (known === undefined) throw ruleInvalidEthertype(pythonText(value), pythonRepr(ETHERTYPES));
  return known;
});

const PROTOCOL_NAMES = pythonRepr([null, ...Object.keys(PROTOCOLS)]);
/** @returns a name in lower case, or a number in decimal as it was written. */
const protocol = type((value): string | null => {
  if (value === null) return null;
  const written = pythonText(value);
  if (/^\s*[+-]?\d+\s*$/.test(written) && Number(written) >= 0 && Number(written) <= 255)
    return String(Number(written));
  const name = typeof value === "string" ? value.toLowerCase() : "";
  if (!Object.hasOwn(PROTOCOLS, name)) throw ruleInvalidProtocol(pythonText(value), PROTOCOL_NAMES);
  return name;
});

const portValue = type((value): number | null => {
  if (value === null) return null;
  const isNumber = typeof value === "number" || (typeof value === "string" && /^\s*[+-]?\d{1,16}\s*$/.test(value));
  const number = isNumber ? Math.trunc(Number(value)) : -1;
  if (number < 0 || number > 65535) throw ruleInvalidPort(pythonText(value));
  return number;
});

/** @returns the address as it was written with its length, in canonical digits. */
const prefix = type((value): string | null => {
  if (value === null || value === "") return null;
  const parsed = typeof value === "string" ? parsePrefix(value) : undefined;
  if (parsed === undefined) throw invalidCidr(pythonText(value));
  return `${formatIp({ version: parsed.version, value: parsed.ip })}/${parsed.length}`;
});

/** An id that nothing checks before it is looked up. */
const id: Type<string | null> = { parse: (value) => (value === null ? null : pythonText(value)) };

export const ruleAttributes = {
  id: identityAttributes.id,
  tenant_id: identityAttributes.tenant_id,
  security_group_id: { type: text(36), post: true, filter: true, sort: true },
  direction: { type: oneOf("ingress", "egress"), post: true, filter: true, sort: true },
  ethertype: { type: ethertype, post: true, default: "IPv4", filter: true, sort: true },
  protocol: { type: protocol, post: true, default: null, filter: true, sort: true },
  port_range_min: { type: portValue, post: true, default: null, filter: true, sort: true },
  port_range_max: { type: portValue, post: true, default: null, filter: true, sort: true },
  remote_ip_prefix: { type: prefix, post: true, default: null, filter: true, sort: true },
  remote_group_id: { type: id, post: true, default: null, filter: true, sort: true },
  remote_address_group_id: { type: id, post: true, default: null, filter: true, sort: true },
  normalized_cidr: { filter: true, sort: true },
  project_id: standardAttributes.project_id,
  description: standardAttributes.description,
  created_at: standardAttributes.created_at,
  updated_at: standardAttributes.updated_at,
  revision_number: standardAttributes.revision_number,
} as const satisfies Attributes<RuleObject>;
