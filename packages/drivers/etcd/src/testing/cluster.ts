import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { etcdCommand } from "../member.ts";
import type { TlsFiles } from "./certificates.ts";

const run = promisify(execFile);
const READY_MILLISECONDS = 30_000;

/** Why no etcd can be started here; undefined where it can. */
export async function missingEtcd(): Promise<string | undefined> {
  for (const command of ["etcd", "etcdctl"])
    try {
      await run(command, [command === "etcd" ? "--version" : "version"], { env: { ...process.env, ETCDCTL_API: "3" } });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return `the command ${command} is missing: apt-get install etcd-server etcd-client`;
    }
  return undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export interface Member {
  readonly name: string;
  readonly endpoint: string;
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  pause(): void;
  resume(): void;
}
interface Planned {
  readonly name: string;
  readonly client: number;
  /** Where it listens for its peers, and where they are told to find it. */
  readonly peer: number;
  readonly advertised: number;
  child: ChildProcess | undefined;
}
export interface ClusterOptions {
  readonly members?: 1 | 3;
  /** Where the peers are told to find a member that listens on `port`; default: there. */
  readonly between?: (name: string, port: number) => Promise<number>;
  /** Its clients must come with TLS, and with a certificate. */
  readonly tls?: (directory: string) => TlsFiles;
}

/** Real etcd on free ports, in a directory of its own; removed at the latest when this process ends. */
export class Cluster {
  readonly directory = mkdtempSync(join(tmpdir(), `dragonflow-etcd-${process.pid}-`));
  readonly #members: Planned[] = [];
  readonly #tls: TlsFiles | undefined;
  readonly #ids = new Map<string, string>();
  #token = "first";
  readonly #onExit = (): void => {
    for (const { child } of this.#members) child?.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  };

  private constructor(tls: ClusterOptions["tls"]) {
    this.#tls = tls?.(this.directory);
    process.on("exit", this.#onExit);
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options.tls);
    for (let i = 0; i < (options.members ?? 1); i++) {
      const name = `m${i}`;
      const peer = await freePort();
      const advertised = options.between === undefined ? peer : await options.between(name, peer);
      cluster.#members.push({ name, client: await freePort(), peer, advertised, child: undefined });
    }
    try {
      await cluster.startAll();
    } catch (error) {
      await cluster.remove();
      throw error;
    }
    return cluster;
  }

  get endpoints(): readonly string[] {
    return this.#members.map(({ client }) => `127.0.0.1:${client}`);
  }
  url(prefix = "test"): string {
    return `etcd://${this.endpoints.join(",")}/${prefix}`;
  }
  get members(): readonly Member[] {
    return this.#members.map((member) => ({
      name: member.name,
      endpoint: `127.0.0.1:${member.client}`,
      get pid() {
        return member.child?.pid ?? 0;
      },
      kill: (signal = "SIGKILL") => this.#stop(member, signal),
      start: () => this.#start(member, "existing"),
      pause: () => void member.child?.kill("SIGSTOP"),
      resume: () => void member.child?.kill("SIGCONT"),
    }));
  }
  /** The member whose word counts: where one was cut off it may still think that it is it, so the newest term decides. */
  async leader(): Promise<Member> {
    for (;;) {
      let found: { readonly member: Member; readonly term: number } | undefined;
      for (const member of this.members) {
        // As text: these numbers have 64 bits.
        const status = await this.ctl(["endpoint", "status", "-w", "fields"], [member.endpoint]).catch(() => "");
        const field = (name: string): string => new RegExp(`"${name}" : (\\d+)`).exec(status)?.[1] ?? "";
        const term = Number(field("RaftTerm"));
        if (field("Leader") !== "" && field("Leader") === field("MemberID") && term > (found?.term ?? 0))
          found = { member, term };
        this.#ids.set(member.name, BigInt(field("MemberID") || 0).toString(16));
      }
      if (found !== undefined) return found.member;
    }
  }
  /** In hexadecimal; known once the leader was asked for. */
  idOf(name: string): string | undefined {
    return this.#ids.get(name);
  }

  /** Forgets what was before now. */
  async compact(): Promise<void> {
    const status = await this.ctl(["endpoint", "status", "-w", "fields"], this.endpoints.slice(0, 1));
    const [, revision = ""] = /"Revision" : (\d+)/.exec(status) ?? [];
    await this.ctl(["compact", "--physical=true", revision]);
  }

  async ctl(args: readonly string[], endpoints: readonly string[] = this.endpoints): Promise<string> {
    const environment = { ...process.env, ETCDCTL_API: "3" };
    const tls = this.#tls && ["--cacert", this.#tls.caFile, "--cert", this.#tls.certFile, "--key", this.#tls.keyFile];
    const members = endpoints.map((endpoint) => `${tls === undefined ? "http" : "https"}://${endpoint}`);
    const { stdout } = await run("etcdctl", [...(tls ?? []), "--endpoints", members.join(","), ...args], {
      env: environment,
    });
    return stdout;
  }

  async startAll(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#start(member, "new")));
  }
  async stopAll(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#stop(member, signal)));
  }

  /** What is in the store now; and puts it back. @param token of the restored cluster: with the same one it has the same id. */
  async backup(): Promise<(token?: string) => Promise<void>> {
    const file = join(this.directory, "backup");
    rmSync(file, { force: true });
    await this.ctl(["snapshot", "save", file], this.endpoints.slice(0, 1));
    return async (token = `restored-${Date.now()}`) => {
      await this.stopAll();
      this.#token = token;
      for (const member of this.#members) {
        rmSync(this.#data(member), { recursive: true, force: true });
        const settings = [
          "--name",
          member.name,
          "--initial-cluster",
          this.#initial(),
          "--initial-cluster-token",
          token,
        ];
        const peer = `http://127.0.0.1:${member.advertised}`;
        const target = ["--initial-advertise-peer-urls", peer, "--data-dir", this.#data(member)];
        await this.ctl(["snapshot", "restore", file, ...settings, ...target]);
      }
      await this.startAll();
    };
  }
  /** Copies the files of all members, which must not run. @returns what puts them back. */
  copy(): () => void {
    const copied = join(this.directory, "copy");
    rmSync(copied, { recursive: true, force: true });
    for (const member of this.#members) cpSync(this.#data(member), join(copied, member.name), { recursive: true });
    return () => {
      for (const member of this.#members) {
        rmSync(this.#data(member), { recursive: true, force: true });
        cpSync(join(copied, member.name), this.#data(member), { recursive: true });
      }
    };
  }
  /** As if it had never been. */
  async empty(): Promise<void> {
    await this.stopAll();
    for (const member of this.#members) rmSync(this.#data(member), { recursive: true, force: true });
    await this.startAll();
  }

  async remove(): Promise<void> {
    await this.stopAll("SIGKILL");
    process.off("exit", this.#onExit);
    rmSync(this.directory, { recursive: true, force: true });
  }

  #data(member: Planned): string {
    return join(this.directory, member.name);
  }
  #initial(): string {
    return this.#members.map(({ name, advertised }) => `${name}=http://127.0.0.1:${advertised}`).join(",");
  }

  async #start(member: Planned, state: "new" | "existing"): Promise<void> {
    const { name, client, peer, advertised } = member;
    mkdirSync(this.#data(member), { recursive: true, mode: 0o700 });
    const cluster = { initial: this.#initial(), token: this.#token, state };
    const [command, ...args] = etcdCommand({ name, data: this.#data(member), client, peer, advertised, cluster });
    const log = openSync(join(this.directory, `${name}.log`), "a");
    const child = spawn(command, [...args, ...this.#tlsFlags(member)], { stdio: ["ignore", log, log] });
    closeSync(log);
    member.child = child;
    const deadline = Date.now() + READY_MILLISECONDS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`etcd ended: ${this.#lastWords(member)}`);
      try {
        await this.ctl(["endpoint", "health"], [`127.0.0.1:${client}`]);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }
  /** The later flag of two counts. */
  #tlsFlags({ client }: Planned): readonly string[] {
    if (this.#tls === undefined) return [];
    const { caFile, certFile, keyFile } = this.#tls;
    const urls = ["--listen-client-urls", "--advertise-client-urls"].map(
      (flag) => `${flag}=https://127.0.0.1:${client}`,
    );
    return [
      ...urls,
      "--client-cert-auth",
      `--trusted-ca-file=${caFile}`,
      `--cert-file=${certFile}`,
      `--key-file=${keyFile}`,
    ];
  }
  #lastWords(member: Planned): string {
    return readFileSync(join(this.directory, `${member.name}.log`), "utf8").slice(-1000);
  }

  async #stop(member: Planned, signal: NodeJS.Signals): Promise<void> {
    const { child } = member;
    member.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGCONT");
    child.kill(signal);
    await gone;
  }
}
