import { conformance, type Harness } from "../conformance/index.ts";
import type { StoreDriver } from "../contract.ts";
import { openLogStore } from "./index.ts";
import { SimulatedDatabase } from "./testing/simulated-cells.ts";

const WATCH_BUFFER_BYTES = 512 * 1024;

/** Each client is a process of its own, as far as the store can tell. */
async function harness(): Promise<Harness> {
  const database = new SimulatedDatabase();
  const opened: StoreDriver[] = [];
  async function open(cells = database.connect()): Promise<StoreDriver> {
    const driver = await openLogStore(cells, { watchBufferBytes: WATCH_BUFFER_BYTES, compareSeconds: 1 });
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
    async cut() {
      cells.cut();
      cells.mend();
    },
    watchBufferBytes: WATCH_BUFFER_BYTES,
    async [Symbol.asyncDispose]() {
      for (const each of opened) await each.close();
    },
  };
}

conformance("The log, on a database that is atomic on one key only,", harness);
