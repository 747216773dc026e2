/**
 * An ovsdb-server of a test's own: a directory, a socket, a process; all gone afterwards, also when the test process
 * is terminated.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OvsdbClient } from "../client.ts";
import { scalar } from "../column.ts";
import type { Schema } from "../schema.ts";
import { boolean, string } from "../values.ts";
import { untilAborted } from "../waiting.ts";

export const schemaFile = "/usr/share/openvswitch/vswitch.ovsschema";

/** The part of ovsdb-server(5) that tells whether a database can be used. */
const serverTables = { Database: { name: scalar(string), connected: scalar(boolean), leader: scalar(boolean) } };
const serverSchema: Schema<typeof serverTables> = { name: "_Server", version: "", tables: serverTables };

const running = new Set<PrivateServer>();
process.on("exit", () => {
  for (const server of running) server.removeNow();
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));

export class PrivateServer {
  readonly directory = mkdtempSync(join(tmpdir(), `ovsdb-test-${process.pid}-`));
  readonly socket = join(this.directory, "db.sock");
  readonly address: string = `unix:${this.socket}`;
  readonly #remotes: readonly string[];
  #process: ChildProcess | undefined;

  /**
   * @param options.clustered a cluster of one server: it knows the ids of transactions, and resumes
   * @param options.remotes command-line options beside the socket
   */
  static async start(
    options: { clustered?: boolean; remotes?: (directory: string) => string[] } = {},
  ): Promise<PrivateServer> {
    const server = new PrivateServer(options);
    await server.start();
    return server;
  }

  private constructor({ clustered = false, remotes = () => [] }: Parameters<typeof PrivateServer.start>[0] & {}) {
    running.add(this);
    this.#remotes = remotes(this.directory);
    const raft = `unix:${join(this.directory, "raft.sock")}`;
    const create = clustered
      ? ["create-cluster", this.#database, schemaFile, raft]
      : ["create", this.#database, schemaFile];
    execFileSync("ovsdb-tool", create, { stdio: "ignore" });
  }

  get #database(): string {
    return join(this.directory, "conf.db");
  }

  /** Starts, and returns when the server answers. */
  async start(): Promise<void> {
    const own = [`--remote=punix:${this.socket}`, `--unixctl=${join(this.directory, "ctl")}`, "-vconsole:off"];
    const environment = { ...process.env, OVS_RUNDIR: this.directory };
    this.#process = spawn("ovsdb-server", [this.#database, ...own, ...this.#remotes], {
      stdio: "ignore",
      env: environment,
    });
    const client = new OvsdbClient(this.address, { backoff: { minMs: 5, maxMs: 20 } });
    try {
      await client.whenConnected(AbortSignal.timeout(10_000));
      // A cluster's database is served when its leader is elected: later than the socket is there.
      const served = Promise.withResolvers<void>();
      const replica = client.replica(serverSchema, { Database: ["name", "connected", "leader"] }, () => {
        for (const { name, connected, leader } of replica.rows("Database").values()) {
          if (name === "Open_vSwitch" && connected && leader) served.resolve();
        }
      });
      await untilAborted(served.promise, AbortSignal.timeout(10_000));
    } finally {
      await client.close();
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Ends the process at once, as a crash would. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process ?? { exitCode: 0 };
    if (exitCode !== null || signalCode !== null) return;
    const exited = once(this.#process ?? process, "exit");
    this.signal("SIGKILL");
    await exited;
  }

  async remove(): Promise<void> {
    await this.kill();
    this.removeNow();
  }

  removeNow(): void {
    this.signal("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
    running.delete(this);
  }
}
