import assert from "node:assert/strict";
import { test } from "node:test";
import { conformance, type Harness } from "../conformance/index.ts";
import type { StoreDriver } from "../contract.ts";
import { Unsupported } from "../errors.ts";
import { MemoryPubSub, type PokeFault } from "../pubsub/index.ts";
import { openLogStore } from "./index.ts";
import { SimulatedDatabase } from "./testing/simulated-cells.ts";

const WATCH_BUFFER_BYTES = 512 * 1024;

/** Each client is a process of its own, as far as the store can tell. */
async function harness(database: SimulatedDatabase, pubsub?: MemoryPubSub): Promise<Harness> {
  const opened: StoreDriver[] = [];
  async function open(cells = database.connect()): Promise<StoreDriver> {
    const wakes = pubsub === undefined ? {} : { pubsub: pubsub.connect() };
    const driver = await openLogStore(cells, { watchBufferBytes: WATCH_BUFFER_BYTES, compareSeconds: 1, ...wakes });
    opened.push(driver);
    return driver;
  }
  let cells = database.connect();
  let driver = await open(cells);
  async function vanish(): Promise<void> {
    await driver.close();
    cells = database.connect();
    driver = await open(cells);
  }
  return {
    get driver() {
      return driver;
    },
    another: () => open(),
    restart: vanish,
    vanish,
    async backup() {
      const restore = database.backup();
      return async () => restore();
    },
    // Where the database does not tell of changes there is no connection that could be seen to be lost.
    cut:
      pubsub === undefined
        ? async () => {
            cells.cut();
            cells.mend();
          }
        : undefined,
    watchBufferBytes: WATCH_BUFFER_BYTES,
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each.close();
    },
  };
}

conformance("The log, on a database that is atomic on one key only,", () => harness(new SimulatedDatabase()));

conformance("The log, woken by a pub/sub that loses, repeats and reorders,", () => {
  const database = new SimulatedDatabase();
  database.traits = { ...database.traits, watch: "none" };
  const faults: readonly PokeFault[] = ["none", "none", "late", "none", "repeated", "none", "late", "lost", "none"];
  let pokes = 0;
  const fault = (): PokeFault => faults[pokes++ % faults.length] ?? "none";
  return harness(database, new MemoryPubSub({ reach: "network", auth: [] }, fault));
});

test("what the log cannot stand on is refused with the reason", async () => {
  const database = new SimulatedDatabase();
  database.traits = { ...database.traits, watch: "none" };
  await assert.rejects(openLogStore(database.connect()), Unsupported);
  const pubsub = new MemoryPubSub({ reach: "machine", auth: [] }).connect();
  await assert.rejects(openLogStore(database.connect(), { pubsub }), /others would not be woken/);
});
