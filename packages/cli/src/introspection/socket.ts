import { existsSync } from "node:fs";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { ShapeError, shapes } from "@dragonflow/model";
import { getApi, listHosts, listLabs, openLab } from "@dragonflow/lab";
import { CONTROLLER } from "../config/sections.ts";
import { CliError } from "../errors.ts";
import { DEFAULT_LAB, socketOf } from "../lab/names.ts";

const { flag, integer, list, nullable, object, text: string } = shapes;

const flowShape = object({
  table: string,
  priority: integer(),
  match: string,
  actions: string,
  owner: object({ app: string, kind: string, id: string }),
  refused: nullable(string),
});
export type Flow = shapes.Infer<typeof flowShape>;
export const flowsShape = object({ flows: list(flowShape) });
/** What every controller says; there is more in it for whoever looks closer. */
const anything: shapes.Shape<unknown> = { describe: "anything", parse: (value) => value };
export const statusShape = object({
  chassis: string,
  startedAt: string,
  inSync: flag,
  /** Units that wait for records. */
  pending: list(anything),
  conflicts: list(anything),
  faults: list(anything),
});
const traffic = object({ packets: integer(), bytes: integer() });
/** Counted since the flows were put in. `null`: the switch cannot tell. */
export const statisticsShape = object({
  /** Of a stateful group's rule, connections that began by it; of a stateless one's, packets. */
  rules: list(object({ id: string, connections: nullable(integer()), packets: integer() })),
  /** As the VM sees it. */
  ports: list(object({ id: string, connections: nullable(integer()), sent: traffic, received: traffic })),
  drops: list(object({ reason: string, table: string, port: nullable(string), packets: integer() })),
});
export type Statistics = shapes.Infer<typeof statisticsShape>;

/** A controller to ask: the host that it is on, and its socket. */
export interface Source {
  readonly host: string;
  readonly socket: string;
}
export interface Sources {
  readonly controllers: readonly Source[];
  /** Where names of objects can be had; undefined: nowhere. */
  readonly api: string | undefined;
}
export interface Selection {
  readonly lab?: string;
  readonly host?: string;
  readonly socket?: string;
}

/** The controllers of a lab; else that of this machine. @throws {CliError} when there is none, or no such host */
export async function findControllers(selection: Selection): Promise<Sources> {
  const { lab, host, socket } = selection;
  if (socket !== undefined) return { controllers: [{ host: host ?? "", socket }], api: apiOfEnvironment() };
  const name = lab ?? DEFAULT_LAB;
  if (lab !== undefined || (await listLabs()).some((other) => other.name === name)) return ofLab(name, host);
  const controllers = ofMachine(host);
  if (controllers.length > 0) return { controllers, api: apiOfEnvironment() };
  throw new CliError(`no lab "${name}", and no controller at ${MACHINE}: give --lab or --socket`);
}

/** Where a controller of this machine listens that was told nothing else. */
const MACHINE = CONTROLLER.socket.fallback ?? "";

export const apiOfEnvironment = (): string | undefined => process.env["OS_ENDPOINT"];

/** The controller of this machine, if there is one. */
export function ofMachine(host = ""): readonly Source[] {
  return existsSync(MACHINE) ? [{ host, socket: MACHINE }] : [];
}

async function ofLab(name: string, host: string | undefined): Promise<Sources> {
  const lab = await openLab(name);
  const hosts = await listHosts(lab);
  const chosen = hosts.filter((other) => host === undefined || other.name === host);
  if (chosen.length === 0 && host !== undefined)
    throw new CliError(`there is no host "${host}" (${hosts.map((other) => other.name).join(", ")})`);
  return {
    controllers: chosen.map((other) => ({ host: other.name, socket: socketOf(other) })),
    api: (await getApi(lab)) ?? undefined,
  };
}

/** Asks a controller at its socket. @throws {CliError} saying which controller does not answer, or what it waits for */
export async function ask<T>({ host, socket }: Source, path: string, shape: shapes.Shape<T>): Promise<T> {
  const who = `the controller${host === "" ? "" : ` of ${host}`}`;
  const { status, body } = await get(socket, path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(`${who} does not answer at ${socket}: ${reason}`);
  });
  return readAnswer(who, path, { status, body }, shape);
}

/** What a controller answered, by whatever way. @throws {CliError} its refusal, or that it is not what was asked for */
export function readAnswer<T>(
  who: string,
  path: string,
  { status, body }: { readonly status: number; readonly body: string },
  shape: shapes.Shape<T>,
): T {
  try {
    const answer: unknown = JSON.parse(body);
    if (status === 200) return shape.parse(answer, path);
    throw new CliError(`${who}: ${refusal.parse(answer, path).error}`);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ShapeError)
      throw new CliError(`${who} answered what nobody expects: ${error.message}`);
    throw error;
  }
}
const refusal = object({ error: string });

async function get(socketPath: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
  // What sends something is posted.
  const method = path.startsWith("/inject") ? "POST" : "GET";
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method, timeout: 10_000 }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.once("timeout", () => asked.destroy(new Error("no answer within 10 s")));
    asked.once("error", reject);
    asked.end();
  });
}
