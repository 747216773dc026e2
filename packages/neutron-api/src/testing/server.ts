import { openSqliteStore } from "@dragonflow/driver-sqlite";
import type { StoreDriver } from "@dragonflow/store";
import type { FastifyInstance } from "fastify";
import { type Input, isInput } from "../core/attribute.ts";
import type { ApiConfig } from "../core/config.ts";
import { Engine } from "../core/engine.ts";
import { createApi } from "../http/api.ts";
import type { Method } from "../http/endpoint.ts";

/** What came back from one request. */
export class Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly raw: string;
  readonly body: unknown;

  constructor(status: number, headers: Readonly<Record<string, unknown>>, raw: string) {
    this.status = status;
    this.headers = headers;
    this.raw = raw;
    this.body = raw === "" ? undefined : JSON.parse(raw);
  }
  /** The value at a path of keys and indexes: `port.fixed_ips.0.ip_address`. */
  at(path: string): unknown {
    const step = (value: unknown, key: string): unknown =>
      typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    return path.split(".").reduce(step, this.body);
  }
  text(path: string): string {
    const value = this.at(path);
    if (typeof value !== "string") throw new TypeError(`no text at ${path} in ${this.raw.slice(0, 500)}`);
    return value;
  }
  list(path: string): readonly Input[] {
    const value = this.at(path);
    if (!Array.isArray(value)) throw new TypeError(`no list at ${path} in ${this.raw.slice(0, 500)}`);
    return value.filter(isInput);
  }
  get error(): string {
    return `${this.status} ${String(this.at("NeutronError.type"))}`;
  }
}

/** The API on a store in memory, without a socket. */
export class TestServer {
  readonly driver: StoreDriver;
  readonly engine: Engine;
  readonly api: FastifyInstance;
  readonly #failures: unknown[] = [];

  constructor(driver: StoreDriver, config: Partial<ApiConfig>) {
    this.driver = driver;
    this.engine = new Engine(driver, config);
    this.api = createApi(this.engine, { onError: (error) => this.#failures.push(error) });
  }

  /** The body is sent as JSON, or as it is when it is text. A failure of the server is a failure of the test. */
  async request(
    method: Method,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const payload = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const response = await this.api.inject({
      method,
      url: path,
      headers: { "content-type": "application/json", ...headers },
      ...(payload !== undefined && { payload }),
    });
    if (response.statusCode === 500) throw new Error(`${method} ${path}: 500`, { cause: this.#failures.at(-1) });
    return new Answer(response.statusCode, response.headers, response.body);
  }
  get(path: string): Promise<Answer> {
    return this.request("GET", path);
  }

  /** Creates one object, and fails where that is refused. @returns its id. */
  async create(collection: string, values: Input): Promise<string> {
    const name = collection.slice(0, -1);
    const answer = await this.request("POST", `/v2.0/${collection}`, { [name]: values });
    if (answer.status !== 201) throw new Error(`POST ${collection}: ${answer.status} ${answer.raw}`);
    return answer.text(`${name}.id`);
  }
  /** A network with one IPv4 subnet. */
  async createNetwork(
    cidr: string,
    values: Input = {},
  ): Promise<{ readonly network: string; readonly subnet: string }> {
    const network = await this.create("networks", {});
    const subnet = await this.create("subnets", { network_id: network, ip_version: 4, cidr, ...values });
    return { network, subnet };
  }

  /** The store stays open. */
  async close(): Promise<void> {
    await this.api.close();
    await this.engine.close();
  }
}

/** A server and its store, for one test. */
export async function withServer(
  config: Partial<ApiConfig>,
  test: (server: TestServer) => Promise<void>,
): Promise<void> {
  const driver = await openSqliteStore({ file: ":memory:" });
  const server = new TestServer(driver, config);
  try {
    await test(server);
  } finally {
    await server.close();
    await driver.close();
  }
}
