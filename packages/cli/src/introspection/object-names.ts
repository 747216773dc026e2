import { shapes } from "@dragonflow/model";
import type { State } from "@dragonflow/neutron-api";
import { ApiClient, ApiError } from "../api/client.ts";
import { addressGroups, ports, securityGroups } from "../api/resources.ts";
import { ruleText } from "../security-groups/rule-text.ts";

const COLLECTIONS = ["network", "subnet", "router"] as const;
const named = shapes.object({ id: shapes.text, name: shapes.text });

interface Named {
  readonly id: string;
  readonly name: string;
}
/** What is called by something else than its name where it has none. */
interface NamedPort extends Named {
  readonly fixed_ips: readonly { readonly ip_address: string }[];
}
interface NamedGroup extends Named {
  readonly rules: readonly (Parameters<typeof ruleText>[0] & { readonly id: string })[];
}

/** Names by id, of a port without one its addresses, of a rule what it says; none where the API is not there: the flows are worth seeing all the same. */
export async function objectNames(apiUrl: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (apiUrl === undefined) return new Map();
  const api = new ApiClient(apiUrl);
  try {
    const [ofPorts, others] = await Promise.all([api.list(ports), namesBesidePorts(api)]);
    return new Map([...portNames(ofPorts), ...others]);
  } catch (error) {
    if (error instanceof ApiError) return new Map();
    throw error;
  }
}

/** @throws {ApiError} */
export async function namesBesidePorts(api: ApiClient): Promise<ReadonlyMap<string, string>> {
  const [groups, ofAddresses, ...others] = await Promise.all([
    api.list(securityGroups),
    api.list(addressGroups),
    ...COLLECTIONS.map(async (name) =>
      api.list({ name, collection: `${name}s`, shape: named }, { fields: ["id", "name"] }),
    ),
  ]);
  const withRules = groups.map(({ id, name, security_group_rules: rules }) => ({ id, name, rules }));
  return namesFrom(withRules, [...ofAddresses, ...others.flat()]);
}

export function portNames(all: Iterable<NamedPort>): ReadonlyMap<string, string> {
  return new Map(
    Array.from(all, ({ id, name, fixed_ips }): [string, string] => [
      id,
      name === "" ? fixed_ips.map(({ ip_address }) => ip_address).join(" ") : name,
    ]),
  );
}

/** The same from the store, where no API is known. */
export function namesInStore(state: State): ReadonlyMap<string, string> {
  const { networks, subnets, routers, addressGroups: ofAddresses } = state;
  const others = [networks, subnets, routers, ofAddresses].flatMap((table): Named[] => [...table.values()]);
  return new Map([...portNames(state.ports.values()), ...namesFrom([...state.securityGroups.values()], others)]);
}

function namesFrom(groups: readonly NamedGroup[], others: readonly Named[]): ReadonlyMap<string, string> {
  const names = new Map([...groups, ...others].map(({ id, name }): [string, string] => [id, name]));
  const rules = groups.flatMap(({ name, rules: all }) =>
    all.map((rule): [string, string] => [rule.id, `${name}: ${ruleText(rule, names)}`]),
  );
  return new Map([...names, ...rules]);
}
