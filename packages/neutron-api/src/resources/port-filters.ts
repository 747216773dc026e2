import type { PortObject } from "@dragonflow/model";
import type { SpecialFilter } from "../core/query.ts";
import { canonicalIp } from "../core/types.ts";
import { invalidInput } from "../errors.ts";

/** `security_groups=ID`: ports that have one of these groups. */
export const securityGroupsFilter: SpecialFilter<PortObject> = {
  matches: (port, values) => values.some((id) => port.security_groups.includes(id)),
  lookup: (values) => ({ index: "security_group", keys: values }),
};

/** `fixed_ips=subnet_id=ID`, `fixed_ips=ip_address=IP`, `fixed_ips=ip_address_substr=TEXT`: each key any of its values, and every key. */
function parse(values: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const wanted = new Map<string, string[]>();
  for (const value of values) {
    const at = value.indexOf("=");
    if (at < 1) throw invalidInput(`'${value}' is not of the form <key>=[value]`);
    const key = value.slice(0, at).trim();
    wanted.set(key, [...(wanted.get(key) ?? []), value.slice(at + 1).trim()]);
  }
  return wanted;
}

export const fixedIpsFilter: SpecialFilter<PortObject> = {
  matches(port, values) {
    const wanted = parse(values);
    const addresses = wanted.get("ip_address")?.map(canonicalIp);
    const subnets = wanted.get("subnet_id");
    const parts = wanted.get("ip_address_substr");
    return (
      (addresses === undefined || port.fixed_ips.some((f) => addresses.includes(f.ip_address))) &&
      (subnets === undefined || port.fixed_ips.some((f) => subnets.includes(f.subnet_id))) &&
      (parts === undefined || port.fixed_ips.some((f) => parts.some((part) => f.ip_address.includes(part))))
    );
  },
  lookup(values) {
    const wanted = parse(values);
    const addresses = wanted.get("ip_address");
    if (addresses !== undefined) return { index: "ip_address", keys: addresses.map(canonicalIp) };
    const subnets = wanted.get("subnet_id");
    return subnets === undefined ? undefined : { index: "subnet_id", keys: subnets };
  },
};
