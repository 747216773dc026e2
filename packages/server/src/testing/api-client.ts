export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A port as tests look at it. */
export interface ShownPort {
  readonly id: string;
  readonly status: string;
  readonly revision_number: number;
  readonly "binding:host_id": string;
  readonly fixed_ips: readonly { readonly ip_address: string }[];
}
export interface ShownAgent {
  readonly id: string;
  readonly host: string;
  readonly alive: boolean;
}

/** A client of one server's API. */
export class ApiClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
  }

  async network(name = "net"): Promise<string> {
    const { body } = await this.call("POST", "/v2.0/networks", { network: { name } });
    return (body["network"] as { id: string }).id;
  }
  async port(fields: { readonly network_id: string } & Readonly<Record<string, unknown>>): Promise<ShownPort> {
    const { status, body } = await this.call("POST", "/v2.0/ports", { port: fields });
    if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body["port"] as ShownPort;
  }
  async update(id: string, fields: Readonly<Record<string, unknown>>): Promise<ShownPort> {
    return (await this.call("PUT", `/v2.0/ports/${id}`, { port: fields })).body["port"] as ShownPort;
  }
  async show(id: string): Promise<ShownPort> {
    return (await this.call("GET", `/v2.0/ports/${id}`)).body["port"] as ShownPort;
  }
  async agent(host: string): Promise<ShownAgent | undefined> {
    const { body } = await this.call("GET", `/v2.0/agents?host=${host}`);
    return (body["agents"] as readonly ShownAgent[])[0];
  }
}
