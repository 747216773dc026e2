/** A cloud for benchmarks: a lab with its server and controllers as processes of their own, made and removed with the product's own commands. */
import { execFile } from "node:child_process";
import { Agent, request } from "node:http";
import { resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const program = resolve(import.meta.dirname, "../bin/dragonflow");
const OUTPUT_BYTES = 64 * 1024 * 1024;

interface Status {
  readonly api: string;
  readonly hosts: readonly { readonly name: string; readonly namespace: string; readonly ovsdb: string }[];
}
function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && "api" in value && "hosts" in value;
}

export type Json = Readonly<Record<string, unknown>>;

export class Cloud implements AsyncDisposable {
  readonly lab: string;
  readonly status: Status;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  static async start(hosts: number): Promise<Cloud> {
    const lab = `bench${process.pid}`;
    await run(program, ["lab", "up", "--hosts", String(hosts), "--empty", "--lab", lab]);
    const { stdout } = await run(program, ["lab", "status", "--json", "--lab", lab]);
    const status: unknown = JSON.parse(stdout);
    if (!isStatus(status)) throw new Error(`unexpected status: ${stdout.slice(0, 200)}`);
    return new Cloud(lab, status);
  }

  private constructor(lab: string, status: Status) {
    this.lab = lab;
    this.status = status;
  }

  /** The integration bridge of a host, for ovs-ofctl. */
  bridge(host: number): string {
    return this.ovsdb(host).replace(/db\.sock$/, "br-int.mgmt");
  }
  ovsdb(host: number): string {
    const found = this.status.hosts[host];
    if (found === undefined) throw new RangeError(`no host ${host}`);
    return found.ovsdb;
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
  async create(kind: string, fields: Json, id?: string): Promise<Json & { readonly id: string }> {
    const chosen = id === undefined ? {} : { "x-dragonflow-object-id": id };
    const name = kind.replaceAll("-", "_");
    const answer = (await this.call("POST", `/${kind}s`, { [name]: fields }, chosen))[name];
    if (!isObject(answer)) throw new Error(`no ${kind} in the answer`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await run(program, ["lab", "down", "--lab", this.lab], { maxBuffer: OUTPUT_BYTES });
  }
}
function isObject(value: unknown): value is Json & { readonly id: string } {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
}

/** Ports of other tenants, as the peer's benchmark has them: tenants of one router and ten networks of 50 ports, bound to 20 chassis that are not there. */
export async function otherTenants(cloud: Cloud, ports: number, report: (line: string) => void): Promise<void> {
  const perNetwork = 50;
  let made = 0;
  for (let tenant = 0; made < ports; tenant++) {
    const router = await cloud.create("router", { name: `router-${tenant}` });
    for (let n = 0; n < 10 && made < ports; n++) {
      const network = await cloud.create("network", { name: `t${tenant}n${n}` });
      const subnet = await cloud.create("subnet", {
        network_id: network.id,
        ip_version: 4,
        cidr: `10.${tenant}.${n}.0/24`,
        enable_dhcp: false,
      });
      await cloud.call("PUT", `/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
      const count = Math.min(perNetwork, ports - made);
      const port = (i: number): Json => ({ network_id: network.id, "binding:host_id": `chassis-${(made + i) % 20}` });
      await cloud.call("POST", "/ports", { ports: Array.from({ length: count }, (_, i) => port(i)) });
      made += count;
      if (made % 1000 < perNetwork) report(`${made} ports of other tenants`);
    }
  }
}
