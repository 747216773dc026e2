import assert from "node:assert/strict";
import type { Topic } from "@dragonflow/model";
import type { StoreDriver } from "@dragonflow/store";
import type { State } from "../core/state.ts";
import { expectedRecords, topicsOf } from "../core/store-audit.ts";

/** Every id that a test has ever seen, so that what should be gone is looked for. */
export interface Seen {
  readonly networks: Set<string>;
  readonly subnets: Set<string>;
  readonly routers: Set<string>;
  readonly securityGroups: Set<string>;
  readonly addressGroups: Set<string>;
  readonly hosts: Set<string>;
}
export const nothingSeen = (): Seen => ({
  networks: new Set(),
  subnets: new Set(),
  routers: new Set(),
  securityGroups: new Set(),
  addressGroups: new Set(),
  hosts: new Set(),
});

const name = (of: { readonly topic: Topic; readonly id: string }) => `${of.topic} ${of.id}`;

/** Those that a test has seen, and those that are there: groups come by themselves. */
const ids = (seen: ReadonlySet<string>, table: { ids(): readonly string[] }): readonly string[] => [
  ...new Set([...seen, ...table.ids()]),
];

/** The store holds exactly what its objects stand for: every record that they project to, every guard that they hold, and nothing else. */
export async function auditStore(driver: StoreDriver, state: State, seen: Seen): Promise<void> {
  const topics = topicsOf({
    ...seen,
    networks: ids(seen.networks, state.networks),
    securityGroups: ids(seen.securityGroups, state.securityGroups),
    addressGroups: ids(seen.addressGroups, state.addressGroups),
  });
  const found: string[] = [];
  for (const each of topics) {
    const snapshot = await driver.snapshot(each);
    for await (const page of snapshot.rows) found.push(...page.map((row) => name({ topic: each, id: row.id })));
  }
  assert.deepEqual(found.sort(), expectedRecords(state).map(name).sort());
}
