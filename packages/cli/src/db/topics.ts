import type { Topic } from "@dragonflow/model";
import { Engine, topicsOfCloud } from "@dragonflow/neutron-api";
import type { Row, StoreDriver } from "@dragonflow/store";

/** Every topic in which something of the cloud may be, in order; as its objects are when it is asked. */
export async function cloudTopics(driver: StoreDriver): Promise<readonly Topic[]> {
  const engine = new Engine(driver);
  try {
    return [...new Set(topicsOfCloud(await engine.read()))].sort();
  } finally {
    await engine.close();
  }
}

/** A topic as it is at one position, in order of ids. */
export async function rowsOf(driver: StoreDriver, topic: Topic): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const snapshot = await driver.snapshot(topic);
  for await (const page of snapshot.rows) rows.push(...page);
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}
