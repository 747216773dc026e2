/** A cloud for benchmarks: a lab with its server and controllers as processes of their own, made and removed with the product's own commands. */
import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { dirname, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { listProcesses, openLab } from "@dragonflow/lab";
import { cpuSeconds, peakMb, record } from "./processes.ts";

const run = promisify(execFile);
const program = resolve(import.meta.dirname, "../bin/dragonflow");
const OUTPUT_BYTES = 256 * 1024 * 1024;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const DAEMONS = ["ovsdb-server", "ovs-vswitchd"] as const;
/** A server or a store that is at its limit answers late; more than this is a defect. */
const ACTIVE_MS = 120_000;

interface Status {
  readonly api: string;
  readonly hosts: readonly { readonly name: string; readonly namespace: string; readonly ovsdb: string }[];
}
function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "api" in value && "hosts" in value;
}

export type Json = Readonly<Record<string, unknown>>;
/** An object of the API. */
export type Made = Json & { readonly id: string };

export class Cloud implements AsyncDisposable {
  readonly lab: string;
  readonly status: Status;
  readonly #when: string;
  readonly #remove: NodeJS.SignalsListener;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  /** @param when what the memory and CPU of its processes are recorded under, when it ends */
  static async start(hosts: number, when = ""): Promise<Cloud> {
    const lab = `bench${process.pid}`;
    const remove = (signal: NodeJS.Signals): void => {
      execFileSync(program, ["lab", "down", "--lab", lab], { stdio: "ignore" });
      process.kill(process.pid, signal);
    };
    for (const signal of SIGNALS) process.once(signal, remove);
    await run(program, ["lab", "up", "--hosts", String(hosts), "--empty", "--lab", lab]);
    const { stdout } = await run(program, ["lab", "status", "--json", "--lab", lab]);
    const status: unknown = JSON.parse(stdout);
    if (!isStatus(status)) throw new Error(`unexpected status: ${stdout.slice(0, 200)}`);
    return new Cloud(lab, status, when, remove);
  }

  private constructor(lab: string, status: Status, when: string, remove: NodeJS.SignalsListener) {
    this.#remove = remove;
    this.lab = lab;
    this.status = status;
    this.#when = when;
  }

  /** The integration bridge of a host, for ovs-ofctl. */
  bridge(host: number): string {
    return this.ovsdb(host).replace(/db\.sock$/, "br-int.mgmt");
  }
  ovsdb(host: number): string {
    return this.#host(host).ovsdb;
  }
  namespace(host: number): string {
    return this.#host(host).namespace;
  }
  /** Where the host's Open vSwitch has its sockets and pid files. */
  directory(host: number): string {
    return dirname(this.ovsdb(host).replace(/^unix:/, ""));
  }
  #host(host: number): Status["hosts"][number] {
    const found = this.status.hosts[host];
    if (found === undefined) throw new RangeError(`no host ${host}`);
    return found;
  }

  async vsctl(host: number, ...args: readonly string[]): Promise<string> {
    return this.#tool(host, "ovs-vsctl", [`--db=${this.ovsdb(host)}`, ...args]);
  }
  /** Asks the host's vswitchd. */
  async appctl(host: number, ...args: readonly string[]): Promise<string> {
    return this.#tool(host, "ovs-appctl", ["-t", join(this.directory(host), "ovs-vswitchd.ctl"), ...args]);
  }
  async #tool(host: number, tool: string, args: readonly string[]): Promise<string> {
    const env = { ...process.env, OVS_RUNDIR: this.directory(host) };
    return (await run(tool, args, { env, maxBuffer: OUTPUT_BYTES })).stdout;
  }

  /** One call of the API, over a connection that stays open. */
  call(method: string, path: string, body?: Json, extra: Readonly<Record<string, string>> = {}): Promise<Json> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((done, fail) => {
      const headers =
        text === undefined
          ? extra
          : { ...extra, "content-type": "application/json", "content-length": Buffer.byteLength(text) };
      const sent = request(`${this.status.api}/v2.0${path}`, { method, agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const answer = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) >= 400)
            fail(new Error(`${method} ${path}: ${response.statusCode} ${answer.slice(0, 300)}`));
          else done(answer === "" ? {} : JSON.parse(answer));
        });
      });
      sent.on("error", fail);
      sent.end(text);
    });
  }

  /** Creates one object of a kind ("security-group"), under an id of our choice where one is given, and gives it back. */
  async create(kind: string, fields: Json, id?: string): Promise<Made> {
    const chosen = id === undefined ? {} : { "x-dragonflow-object-id": id };
    const name = kind.replaceAll("-", "_");
    const answer = (await this.call("POST", `/${kind}s`, { [name]: fields }, chosen))[name];
    if (!isMade(answer)) throw new Error(`no ${kind} in the answer`);
    return answer;
  }
  /** Many ports in one call. */
  async createPorts(ports: readonly Json[]): Promise<readonly Made[]> {
    return made((await this.call("POST", "/ports", { ports }))["ports"]);
  }
  /** Waits until all ports of a host are ACTIVE, and as many as that. */
  async active(host: string, count: number): Promise<void> {
    const asked = performance.now();
    for (;;) {
      const path = `/ports?fields=id&status=ACTIVE&binding:host_id=${host}&limit=100000`;
      const found = made((await this.call("GET", path))["ports"]).length;
      if (found >= count) return;
      if (performance.now() - asked > ACTIVE_MS) throw new Error(`${found} of ${count} ports of ${host} are ACTIVE`);
      await wait(20);
    }
  }

  /** Everything of the cloud that runs. */
  async processes(): Promise<readonly { readonly name: string; readonly pid: number }[]> {
    const recorded = (await listProcesses(await openLab(this.lab))).flatMap(({ name, pid }) =>
      // A VM's own are none of the cloud.
      pid === null || name.startsWith("dhcp-") ? [] : [{ name, pid }],
    );
    const daemons = this.status.hosts.flatMap(({ name }, n) =>
      DAEMONS.map((daemon) => ({
        name: `${daemon} of ${name}`,
        pid: Number(readFileSync(join(this.directory(n), `${daemon}.pid`), "utf8")),
      })),
    );
    return [...recorded, ...daemons];
  }
  /** Of one of them. @param name "server", "controller-host1", "ovs-vswitchd of host1" */
  async pidOf(name: string): Promise<number> {
    const found = (await this.processes()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`no process ${name}`);
    return found.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    for (const { name, pid } of await this.processes())
      record({ when: this.#when, process: name, peakMb: peakMb(pid), cpuSeconds: cpuSeconds(pid) });
    await run(program, ["lab", "down", "--lab", this.lab], { maxBuffer: OUTPUT_BYTES });
    for (const signal of SIGNALS) process.off(signal, this.#remove);
  }
}

export function isMade(value: unknown): value is Made {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
}
/** The objects of a list in an answer. */
export function made(list: unknown): readonly Made[] {
  return Array.isArray(list) ? list.filter(isMade) : [];
}
