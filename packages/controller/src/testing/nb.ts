import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import { LOCAL, type RowChange } from "@dragonflow/engine";
import { encodeFields, parseTopic, recordId, type Topic } from "@dragonflow/model";
import {
  type Change,
  connectRelay,
  newCommitId,
  type Relay,
  serveRelay,
  type StoreDriver,
  type Subject,
} from "@dragonflow/store";
import { Proxy } from "./proxy.ts";

const decoder = new TextDecoder();

/** An NB database of a test's own: SQLite behind a relay, on Unix sockets, with somebody in between who can cut the wire. */
export class TestNb implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), `nb-test-${process.pid}-`));
  /** The server's own access. */
  store!: StoreDriver;
  wire!: Proxy;
  /** Who everybody is that connects. */
  subject: Subject;
  readonly #clients: StoreDriver[] = [];
  #relay!: Relay;
  #listener!: Server;

  static async open(chassis: string): Promise<TestNb> {
    const nb = new TestNb(chassis);
    process.on("exit", nb.#remove);
    await nb.#start();
    nb.wire = await Proxy.open(join(nb.dir, "wire.sock"), join(nb.dir, "relay.sock"));
    return nb;
  }
  private constructor(chassis: string) {
    this.subject = `chassis:${chassis}`;
  }

  async connect(): Promise<StoreDriver> {
    const client = await connectRelay(`ws+unix:${this.wire.path}`, { token: "somebody" });
    this.#clients.push(client);
    return client;
  }

  /** Writes rows as a server would; those of the local switch are left out. */
  async put(rows: readonly RowChange[]): Promise<void> {
    const changes = rows.flatMap(({ table, partition, id, row }): Change[] => {
      if (partition === LOCAL) return [];
      const key = { topic: parseTopic(partition), id: recordId(table.name, id) };
      return [row === undefined ? { op: "delete", ...key } : { op: "put", ...key, value: encodeFields(row) }];
    });
    await this.commit(changes);
  }
  async remove(rows: readonly RowChange[]): Promise<void> {
    await this.put(rows.map((change) => ({ ...change, row: undefined })));
  }
  async commit(changes: readonly Change[]): Promise<void> {
    await this.store.commit(newCommitId(), changes, []);
  }
  /** The records of a topic, by id. */
  async records(topic: Topic): Promise<ReadonlyMap<string, Record<string, unknown>>> {
    const { rows } = await this.store.snapshot(topic);
    const found = new Map<string, Record<string, unknown>>();
    for await (const page of rows)
      for (const { id, value } of page) found.set(id, JSON.parse(decoder.decode(value)) as Record<string, unknown>);
    return found;
  }

  /** The server ends, and starts again; `meanwhile` has the database file to itself. */
  async restart(meanwhile: (file: string) => Promise<void> | void = () => undefined): Promise<void> {
    await this.#stop();
    await meanwhile(this.#file);
    await this.#start();
  }
  /** Takes a backup; what it returns puts it back, losing what was written since: another lineage. */
  async backup(): Promise<() => Promise<void>> {
    const copy = join(this.dir, "backup.db");
    await this.restart((file) => copyFileSync(file, copy));
    return () => this.restart((file) => copyFileSync(copy, file));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.wire.close();
    await this.#stop();
    this.#remove();
    process.off("exit", this.#remove);
  }

  get #file(): string {
    return join(this.dir, "nb.db");
  }
  readonly #remove = (): void => rmSync(this.dir, { recursive: true, force: true });

  async #start(): Promise<void> {
    this.store = await openSqliteStore({ file: this.#file });
    this.#listener = createServer();
    this.#relay = serveRelay({ driver: this.store, listener: this.#listener, authorize: () => this.subject });
    await new Promise<void>((resolve) => this.#listener.listen(join(this.dir, "relay.sock"), resolve));
  }
  async #stop(): Promise<void> {
    await this.#relay.close();
    await new Promise((resolve) => this.#listener.close(resolve));
    await this.store.close();
  }
}
