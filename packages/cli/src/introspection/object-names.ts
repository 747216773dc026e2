import { shapes } from "@dragonflow/model";
import { ApiClient, ApiError } from "../api/client.ts";

const COLLECTIONS = ["network", "subnet", "port", "router"] as const;
const named = shapes.object({ id: shapes.text, name: shapes.text });

/** Names by id; none where the API is not there: the flows are worth seeing all the same. */
export async function objectNames(apiUrl: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (apiUrl === undefined) return new Map();
  const api = new ApiClient(apiUrl);
  try {
    const lists = await Promise.all(
      COLLECTIONS.map((name) => api.list({ name, collection: `${name}s`, shape: named }, { fields: ["id", "name"] })),
    );
    return new Map(lists.flat().map(({ id, name }) => [id, name]));
  } catch (error) {
    if (error instanceof ApiError) return new Map();
    throw error;
  }
}
