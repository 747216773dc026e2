import type { Input } from "../core/attribute.ts";
import type { Reader } from "../core/state.ts";
import { httpBadRequest } from "../errors.ts";

const FILTERS: readonly string[] = ["name", "resource", "state"];

/** Zones are names that an operator gave; every chassis serves all of them. */
export function availabilityZones(reader: Reader, search: URLSearchParams): readonly Input[] {
  const controls = ["fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"];
  const unknown = [...new Set(search.keys())].filter((name) => !FILTERS.includes(name) && !controls.includes(name));
  if (unknown.length > 0)
    throw httpBadRequest(`[${unknown.map((name) => `'${name}'`).join(", ")}] is invalid attribute for filtering`);
  const all = reader.config.availabilityZones.flatMap((name) =>
    ["network", "router"].map((resource) => ({ name, resource, state: "available" })),
  );
  const isWanted = (name: string, value: string) => !search.has(name) || search.getAll(name).includes(value);
  return all.filter(
    (zone) => isWanted("name", zone.name) && isWanted("resource", zone.resource) && isWanted("state", zone.state),
  );
}
