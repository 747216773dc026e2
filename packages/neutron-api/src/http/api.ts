import { randomUUID } from "node:crypto";
import { StoreError } from "@dragonflow/store";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { parseBody } from "../core/body.ts";
import { type Call, type CollectionService, parseIfMatch, serveCollection } from "../core/collection-service.ts";
import type { Engine } from "../core/engine.ts";
import { type Authenticate, noAuthentication } from "../core/request.ts";
import {
  bodyTooLarge,
  httpBadRequest,
  httpNotFound,
  internalError,
  NeutronError,
  unavailable,
  uriTooLong,
} from "../errors.ts";
import { networks } from "../resources/networks.ts";
import { ports } from "../resources/ports.ts";
import { routers } from "../resources/routers.ts";
import { subnets } from "../resources/subnets.ts";

export interface ApiOptions {
  /** Default: everybody is an administrator. */
  readonly authenticate?: Authenticate;
  /** Told of every failure that is this server's fault, with what was asked. */
  readonly onError?: (error: unknown, request: string) => void;
}

/** The API as a fastify instance that does not listen yet. */
export function createApi(engine: Engine, options: ApiOptions = {}): FastifyInstance {
  const { config } = engine;
  const authenticate = options.authenticate ?? noAuthentication(config.defaultProjectId);
  const app = fastify({
    bodyLimit: config.maxBodyBytes,
    exposeHeadRoutes: false,
    genReqId: () => `req-${randomUUID()}`,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 255, querystringParser: () => ({}) },
    rewriteUrl: (request) => (request.url ?? "/").replace(/\.json(?=$|\?)/, ""),
    frameworkErrors: (error, _request, reply) => {
      send(reply, httpBadRequest(error.message));
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

  const callOf = async (request: FastifyRequest): Promise<Call> => ({
    caller: await authenticate(request.headers),
    search: new URLSearchParams(queryOf(request.originalUrl)),
    body: parseBody(request.body),
    revision: parseIfMatch(request.headers["if-match"]),
    url: `${request.protocol}://${request.host}${request.originalUrl.split("?", 1)[0] ?? ""}`,
  });
  const services = [
    serveCollection(engine, networks),
    serveCollection(engine, subnets),
    serveCollection(engine, ports),
    serveCollection(engine, routers),
  ];
  for (const service of services) mountCollection(app, service, callOf);
  return app;
}

function queryOf(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at + 1);
}

function mountCollection(
  app: FastifyInstance,
  service: CollectionService,
  callOf: (request: FastifyRequest) => Promise<Call>,
): void {
  const path = `/v2.0/${service.collection.replaceAll("_", "-")}`;
  app.get(path, async (request) => service.list(await callOf(request)));
  app.get<{ Params: { id: string } }>(`${path}/:id`, async (request) =>
    service.show(await callOf(request), request.params.id),
  );
  if (service.can.create)
    app.post(path, async (request, reply) => {
      const created = await service.create(await callOf(request));
      reply.code(201);
      return created;
    });
  if (service.can.update)
    app.put<{ Params: { id: string } }>(`${path}/:id`, async (request) =>
      service.update(await callOf(request), request.params.id),
    );
  if (service.can.remove)
    app.delete<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
      if (typeof request.body === "string" && request.body !== "")
        throw httpBadRequest("Request body is not supported in DELETE.");
      await service.remove(await callOf(request), request.params.id);
      return reply.code(204).send();
    });
}

function send(reply: FastifyReply, error: NeutronError): FastifyReply {
  return reply.code(error.status).type("application/json").send(error.toBody());
}

function answerTo(error: unknown, maxBodyBytes: number): NeutronError {
  if (error instanceof NeutronError) return error;
  if (error instanceof StoreError)
    return error.code === "too-large" ? bodyTooLarge(maxBodyBytes) : unavailable(error.message);
  if (error instanceof Error && "code" in error && error.code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return bodyTooLarge(maxBodyBytes);
  if (error instanceof Error && "statusCode" in error && error.statusCode === 400) return httpBadRequest(error.message);
  return internalError();
}
