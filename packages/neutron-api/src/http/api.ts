import { randomUUID } from "node:crypto";
import { StoreError } from "@dragonflow/store";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { parseBody } from "../core/body.ts";
import { withChanges } from "../core/changes.ts";
import { type Call, parseIfMatch, parseObjectId } from "../core/collection-service.ts";
import type { Engine } from "../core/engine.ts";
import { type Authenticate, noAuthentication } from "../core/request.ts";
import {
  bodyTooLarge,
  changeTooLarge,
  httpBadRequest,
  httpNotFound,
  internalError,
  malformedUrl,
  methodNotAllowed,
  NeutronError,
  unavailable,
  uriTooLong,
} from "../errors.ts";
import { collectionEndpoints } from "./collection-endpoints.ts";
import { type Endpoint, METHODS } from "./endpoint.ts";
import { otherEndpoints } from "./other-endpoints.ts";

export interface ApiOptions {
  /** Default: everybody is an administrator. */
  readonly authenticate?: Authenticate;
  /** Told of every failure that is this server's fault, with what was asked. */
  readonly onError?: (error: unknown, request: string) => void;
}

/** What a request changed can be followed by this: the id of its commit, or the ids where it took several. Absent where nothing changed. */
const CHANGE_HEADER = "X-Dragonflow-Change-Id";
/** Within which a client has to send its request, body and all; without it one that sends nothing more is kept for ever. */
const REQUEST_MILLISECONDS = 60_000;

/** The API as a fastify instance that does not listen yet. Closing it leaves the engine running. */
export function createApi(engine: Engine, options: ApiOptions = {}): FastifyInstance {
  const { config } = engine;
  const authenticate = options.authenticate ?? noAuthentication(config.defaultProjectId);
  const app = fastify({
    bodyLimit: config.maxBodyBytes,
    requestTimeout: REQUEST_MILLISECONDS,
    exposeHeadRoutes: false,
    genReqId: () => `req-${randomUUID()}`,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: config.maxUrlLength, querystringParser: () => ({}) },
    rewriteUrl: (request) => canonicalUrl(request.url ?? "/"),
    frameworkErrors: (_error, _request, reply) => {
      send(reply, malformedUrl());
    },
  });
  // What a body is called makes no difference: there is one format.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.addHook("onRequest", async (request, reply) => {
    reply.header("X-Openstack-Request-Id", request.id);
    if (request.originalUrl.length > config.maxUrlLength) throw uriTooLong(config.maxUrlLength);
  });
  app.setNotFoundHandler((_request, reply) => send(reply, httpNotFound()));
  app.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error, config.maxBodyBytes);
    if (answer.status >= 500) options.onError?.(error, `${request.method} ${request.originalUrl}`);
    return send(reply, answer);
  });

  const callOf = async (request: FastifyRequest): Promise<Call> => {
    const at = request.originalUrl.indexOf("?");
    const origin = `${forwardedProtocol(request)}://${request.host}`;
    return {
      caller: await authenticate(request.headers),
      search: new URLSearchParams(at < 0 ? "" : request.originalUrl.slice(at + 1)),
      body: parseBody(request.body),
      hasBody: typeof request.body === "string" && request.body !== "",
      revision: parseIfMatch(request.headers["if-match"]),
      objectId: parseObjectId(request.headers["x-dragonflow-object-id"]),
      origin,
      url: origin + (at < 0 ? request.originalUrl : request.originalUrl.slice(0, at)),
    };
  };
  for (const endpoint of [...collectionEndpoints(engine), ...otherEndpoints(engine)]) mount(app, endpoint, callOf);
  return app;
}

/** Old clients name the format, and write some collections with hyphens. */
function canonicalUrl(url: string): string {
  const [path = "", ...query] = url.split("?");
  const [root, version, collection = "", ...rest] = path.replace(/\.json$/, "").split("/");
  const names = [collection.replaceAll("-", "_"), ...rest];
  const canonical = version === "v2.0" && collection !== "" ? [root, version, ...names].join("/") : path;
  return [canonical, ...query].join("?");
}

function forwardedProtocol(request: FastifyRequest): string {
  const forwarded = request.headers["x-forwarded-proto"];
  return forwarded === "https" || forwarded === "http" ? forwarded : request.protocol;
}

function mount(app: FastifyInstance, endpoint: Endpoint, callOf: (request: FastifyRequest) => Promise<Call>): void {
  const { path, on } = endpoint;
  const isHandled = METHODS.filter((method) => on[method] !== undefined);
  for (const method of isHandled) {
    const handler = on[method];
    app.route<{ Params: Record<string, string> }>({
      method,
      url: path,
      handler: async (request, reply) => {
        // What a body's text must not have, a path's must not either: a tag, a project.
        if (Object.values(request.params).some((text) => text.includes("\0"))) throw malformedUrl();
        const call = await callOf(request);
        const { value: answer, changes } = await withChanges(async () => handler?.(call, request.params));
        if (changes.length > 0) reply.header(CHANGE_HEADER, changes.join(", "));
        if (answer?.body === undefined) return reply.code(answer?.status ?? 204).send();
        reply.code(answer.status ?? 200).type("application/json");
        return reply.send(JSON.stringify(answer.body));
      },
    });
  }
  const refuse = () => {
    throw methodNotAllowed();
  };
  app.route({ method: METHODS.filter((method) => on[method] === undefined), url: path, handler: refuse });
}

function send(reply: FastifyReply, error: NeutronError): FastifyReply {
  return reply.code(error.status).type("application/json").send(JSON.stringify(error.toBody()));
}

function answerTo(error: unknown, maxBodyBytes: number): NeutronError {
  if (error instanceof NeutronError) return error;
  if (error instanceof StoreError)
    return error.code === "too-large" ? changeTooLarge(error.message) : unavailable(error.message);
  if (error instanceof Error && "code" in error && error.code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return bodyTooLarge(maxBodyBytes);
  if (error instanceof Error && "statusCode" in error && error.statusCode === 400) return httpBadRequest(error.message);
  return internalError();
}
