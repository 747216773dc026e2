import { ShapeError, shapes } from "@dragonflow/model";
import type { Resource } from "./resources.ts";

const DEADLINE_MS = 30_000;

/** The API refused, or did not answer. `status` 0: no answer. `type`: the name that Neutron gives the error. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly type: string;
  constructor(status: number, type: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.type = type;
  }
}

type Query = Readonly<Record<string, string | readonly string[]>>;
type Body = Readonly<Record<string, unknown>>;

const errorBody = shapes.object({ NeutronError: shapes.object({ type: shapes.text, message: shapes.text }) });

/** The Neutron v2.0 API, spoken to without authentication. */
export class ApiClient {
  readonly url: string;
  readonly #signal: AbortSignal | undefined;

  /** @param url as in OS_ENDPOINT: `http://127.0.0.1:9696` */
  constructor(url: string, options: { readonly signal?: AbortSignal } = {}) {
    this.url = url.replace(/\/+$/, "");
    this.#signal = options.signal;
  }

  async list<T>(resource: Resource<T>, query: Query = {}): Promise<readonly T[]> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) for (const one of [value].flat()) search.append(key, one);
    const suffix = search.size === 0 ? "" : `?${search.toString()}`;
    const { collection, shape } = resource;
    const body = await this.#ask("GET", `${pathOf(resource)}${suffix}`);
    return parsed(shapes.list(shape), field(body, collection), collection);
  }

  /** @throws {ApiError} status 404 when there is none */
  async show<T>(resource: Resource<T>, id: string): Promise<T> {
    return this.#one(resource, await this.#ask("GET", `${pathOf(resource)}/${encodeURIComponent(id)}`));
  }
  async create<T>(resource: Resource<T>, attributes: Body): Promise<T> {
    return this.#one(resource, await this.#ask("POST", pathOf(resource), { [resource.name]: attributes }));
  }
  /** Many by one request, all or none. */
  async createAll<T>(resource: Resource<T>, all: readonly Body[]): Promise<readonly T[]> {
    const body = await this.#ask("POST", pathOf(resource), { [resource.collection]: all });
    return parsed(shapes.list(resource.shape), field(body, resource.collection), resource.collection);
  }
  /** @param revision write only if the object is still this revision; otherwise {@link ApiError} 412 */
  async update<T>(resource: Resource<T>, id: string, attributes: Body, revision?: number): Promise<T> {
    const headers = revision === undefined ? {} : { "if-match": `revision_number=${revision}` };
    const path = `${pathOf(resource)}/${encodeURIComponent(id)}`;
    return this.#one(resource, await this.#ask("PUT", path, { [resource.name]: attributes }, headers));
  }
  async remove(resource: Resource<unknown>, id: string): Promise<void> {
    await this.#ask("DELETE", `${pathOf(resource)}/${encodeURIComponent(id)}`);
  }
  /** A verb on one object: `PUT /v2.0/routers/ID/add_router_interface`. */
  async act(resource: Resource<unknown>, id: string, verb: string, body: Body): Promise<void> {
    await this.#ask("PUT", `${pathOf(resource)}/${encodeURIComponent(id)}/${verb}`, body);
  }

  #one<T>({ name, shape }: Resource<T>, body: unknown): T {
    return parsed(shape, field(body, name), name);
  }

  async #ask(method: string, path: string, body?: Body, headers: Readonly<Record<string, string>> = {}) {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const signal = this.#signal === undefined ? deadline : AbortSignal.any([deadline, this.#signal]);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.url}${path}`, {
        method,
        signal,
        headers: { ...headers, accept: "application/json", "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw new ApiError(0, "NoAnswer", `the API at ${this.url} does not answer: ${reasonOf(error)}`, { cause: error });
    }
    const answer = fromJson(text);
    if (response.ok) return answer;
    throw errorOf(response.status, answer, `${method} ${path}`);
  }
}

const pathOf = ({ collection }: Resource<unknown>): string => `/v2.0/${collection.replaceAll("_", "-")}`;

/** fetch() says "fetch failed", and why in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${DEADLINE_MS / 1000} s`;
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}

function fromJson(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return text;
  }
}

function field(body: unknown, name: string): unknown {
  if (typeof body !== "object" || body === null) return undefined;
  return Object.getOwnPropertyDescriptor(body, name)?.value;
}

function parsed<T>(shape: shapes.Shape<T>, value: unknown, path: string): T {
  try {
    return shape.parse(value, path);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new ApiError(200, "UnexpectedAnswer", `the API answered what nobody expects: ${error.message}`);
  }
}

function errorOf(status: number, body: unknown, request: string): ApiError {
  try {
    const { type, message } = errorBody.parse(body, "body").NeutronError;
    return new ApiError(status, type, `${message} (${status} ${type})`);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return new ApiError(status, "HTTPError", `${request}: ${status}`);
  }
}
