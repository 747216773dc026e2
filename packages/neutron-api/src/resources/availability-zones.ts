import type { Input } from "../core/attribute.ts";
import type { Reader } from "../core/state.ts";
import { availabilityZoneNotFound, httpBadRequest } from "../errors.ts";

const FILTERS: readonly string[] = ["name", "resource", "state"];

/** Zones are names that an operator gave. Every chassis serves all of them; where there is no chassis, there is no zone. */
function zonesOfCloud(reader: Reader): readonly string[] {
  for (const _ of reader.agents.values()) return reader.config.availabilityZones;
  return [];
}

/** Where a network or router is: wherever it was asked to be. */
export function zonesOf(reader: Reader, hints: readonly string[]): readonly string[] {
  return hints.length > 0 ? hints : zonesOfCloud(reader);
}

export function checkZones(reader: Reader, hints: readonly string[]): void {
  const unknown = hints.find((zone) => !zonesOfCloud(reader).includes(zone));
  if (unknown !== undefined) throw availabilityZoneNotFound(unknown);
}

export function availabilityZones(reader: Reader, search: URLSearchParams): readonly Input[] {
  const controls = ["fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"];
  const unknown = [...new Set(search.keys())].filter((name) => !FILTERS.includes(name) && !controls.includes(name));
  if (unknown.length > 0)
    throw httpBadRequest(`[${unknown.map((name) => `'${name}'`).join(", ")}] is invalid attribute for filtering`);
  const all = zonesOfCloud(reader).flatMap((name) =>
    ["network", "router"].map((resource) => ({ name, resource, state: "available" })),
  );
  const isWanted = (name: string, value: string) => !search.has(name) || search.getAll(name).includes(value);
  return all.filter(
    (zone) => isWanted("name", zone.name) && isWanted("resource", zone.resource) && isWanted("state", zone.state),
  );
}
