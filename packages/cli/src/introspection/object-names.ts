import { shapes } from "@dragonflow/model";
import { ApiClient, ApiError } from "../api/client.ts";
import { addressGroups, ports, securityGroups } from "../api/resources.ts";
import { ruleText } from "../security-groups/rule-text.ts";

const COLLECTIONS = ["network", "subnet", "router"] as const;
const named = shapes.object({ id: shapes.text, name: shapes.text });

/** Names by id, of a port without one its addresses, of a rule what it says; none where the API is not there: the flows are worth seeing all the same. */
export async function objectNames(apiUrl: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (apiUrl === undefined) return new Map();
  const api = new ApiClient(apiUrl);
  try {
    const [ofPorts, groups, ofAddresses, ...others] = await Promise.all([
      api.list(ports),
      api.list(securityGroups),
      api.list(addressGroups),
      ...COLLECTIONS.map(async (name) =>
        api.list({ name, collection: `${name}s`, shape: named }, { fields: ["id", "name"] }),
      ),
    ]);
    const addresses = ofPorts.map(({ id, name, fixed_ips }): [string, string] => [
      id,
      name === "" ? fixed_ips.map(({ ip_address }) => ip_address).join(" ") : name,
    ]);
    const withNames = [...groups, ...ofAddresses, ...others.flat()].map(({ id, name }): [string, string] => [id, name]);
    const names = new Map([...addresses, ...withNames]);
    const rules = groups.flatMap(({ name, security_group_rules }) =>
      security_group_rules.map((rule): [string, string] => [rule.id, `${name}: ${ruleText(rule, names)}`]),
    );
    return new Map([...names, ...rules]);
  } catch (error) {
    if (error instanceof ApiError) return new Map();
    throw error;
  }
}
