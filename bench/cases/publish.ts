import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { networkTopic, recordId } from "@dragonflow/model";
import { connectRelay, newCommitId, serveRelay, type StoreDriver } from "@dragonflow/store";
import { type Case, type Figure, figure, numberFrom, numbersFrom } from "../measure.ts";

const SUBSCRIBERS = numbersFrom("BENCH_SIZES", "1,100,1000");
const COMMITS = numberFrom("BENCH_RUNS", 200);
const TOPIC = networkTopic("published");
/** About what a port's record is. */
const value = Buffer.from(JSON.stringify({ id: "x".repeat(36), mac: "fa:16:3e:00:00:01", rest: "x".repeat(220) }));

/** Clients of a relay that follow one topic, and when each got the last commit. */
class Audience implements AsyncDisposable {
  readonly #clients: readonly StoreDriver[];
  #arrivals: number[] = [];
  #arrived = Promise.withResolvers<readonly number[]>();

  static async join(url: string, count: number): Promise<Audience> {
    const clients = await Promise.all(Array.from({ length: count }, () => connectRelay(url, { token: "somebody" })));
    const audience = new Audience(clients);
    await Promise.all(clients.map((client) => audience.#follow(client)));
    return audience;
  }
  private constructor(clients: readonly StoreDriver[]) {
    this.#clients = clients;
  }

  /** When all have got the next commit: when each did, in order. */
  next(): Promise<readonly number[]> {
    this.#arrivals = [];
    this.#arrived = Promise.withResolvers();
    return this.#arrived.promise;
  }

  /** Resolves once it is current; goes on until the client is closed. */
  #follow(client: StoreDriver): Promise<void> {
    const current = Promise.withResolvers<void>();
    const watch = client.watch();
    watch.add([{ topic: TOPIC }]);
    const read = async (): Promise<void> => {
      for await (const event of watch) {
        if (event.type === "current") current.resolve();
        else if (event.type === "commits") this.#took();
      }
    };
    read().catch((error: unknown) => {
      current.reject(error);
      this.#arrived.reject(error);
    });
    return current.promise;
  }
  #took(): void {
    this.#arrivals.push(performance.now());
    if (this.#arrivals.length === this.#clients.length) this.#arrived.resolve(this.#arrivals);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

async function toAudience(url: string, driver: StoreDriver, count: number): Promise<readonly Figure[]> {
  await using audience = await Audience.join(url, count);
  const acknowledged: number[] = [];
  const first: number[] = [];
  const last: number[] = [];
  for (let n = 0; n < COMMITS; n++) {
    const arrived = audience.next();
    const started = performance.now();
    await driver.commit(newCommitId(), [{ op: "put", topic: TOPIC, id: recordId("port", String(n % 100)), value }], []);
    acknowledged.push(performance.now() - started);
    const times = await arrived;
    first.push((times[0] ?? Number.NaN) - started);
    last.push((times.at(-1) ?? Number.NaN) - started);
  }
  return [
    figure(`${count} subscribers: commit acknowledged, synced`, "ms", acknowledged),
    figure(`${count} subscribers: the first has it`, "ms", first),
    figure(`${count} subscribers: all have it`, "ms", last),
  ];
}

export const publish: Case = {
  name: "publish",
  section: "Parts",
  about:
    "a commit of one record in the embedded store until those have it who follow its topic through the relay, each over a connection of its own; server and subscribers in one process",
  sizes: "BENCH_SIZES: subscribers (1,100,1000); BENCH_RUNS: commits (200)",
  async run(report) {
    const directory = mkdtempSync(join(tmpdir(), "dragonflow-bench-"));
    const driver = await openSqliteStore({ file: join(directory, "nb.db") });
    const listener = createServer();
    const relay = serveRelay({ driver, listener, authorize: () => "server" });
    const socket = join(directory, "relay");
    listener.listen(socket);
    await once(listener, "listening");
    const figures: Figure[] = [];
    for (const count of SUBSCRIBERS) {
      figures.push(...(await toAudience(`ws+unix:${socket}`, driver, count)));
      report(`${count} subscribers`);
    }
    await relay.close();
    listener.close();
    await driver.close();
    rmSync(directory, { recursive: true });
    return figures;
  },
};
