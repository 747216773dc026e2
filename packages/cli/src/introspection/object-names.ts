import { shapes } from "@dragonflow/model";
import { ApiClient, ApiError } from "../api/client.ts";
import { ports } from "../api/resources.ts";

const COLLECTIONS = ["network", "subnet", "router"] as const;
const named = shapes.object({ id: shapes.text, name: shapes.text });

/** Names by id, of a port without one its addresses; none where the API is not there: the flows are worth seeing all the same. */
export async function objectNames(apiUrl: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (apiUrl === undefined) return new Map();
  const api = new ApiClient(apiUrl);
  try {
    const [ofPorts, ...others] = await Promise.all([
      api.list(ports),
      ...COLLECTIONS.map(async (name) =>
        api.list({ name, collection: `${name}s`, shape: named }, { fields: ["id", "name"] }),
      ),
    ]);
    const addresses = ofPorts.map(({ id, name, fixed_ips }): [string, string] => [
      id,
      name === "" ? fixed_ips.map(({ ip_address }) => ip_address).join(" ") : name,
    ]);
    return new Map([...addresses, ...others.flat().map(({ id, name }): [string, string] => [id, name])]);
  } catch (error) {
    if (error instanceof ApiError) return new Map();
    throw error;
  }
}
