import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import type { FlowView } from "./flow-view.ts";
import { answerTo, type ControllerView, isQuestion, QUESTIONS, refusal } from "./questions.ts";

const FLOWS = "/flows";
/** Between two parts of a long answer the controller does its work. */
const FLOWS_AT_ONCE = 500;
/** Only its user may open it: a socket is opened by who may write to it. */
const UMASK = 0o177;

/**
 * The controller's own window, for the operator of its host: HTTP on a unix socket that only its user may open. `GET` each of {@link QUESTIONS} (and
 * `POST /inject`, which sends something), and, in parts because there may be many,
 *
 *     GET /flows   {flows: [{table, priority, match, actions, owner: {app, kind, id}, refused}]}
 *
 * Before the first connection to the store either is 503 `{error}`, which says what the controller waits for.
 *
 * It is also what keeps two controllers of one host apart: who finds somebody behind it does not start.
 */
export class Window {
  readonly #server: Server;
  #view: ControllerView | undefined;
  #waitsFor = "its start";

  /**
   * @param onError no connection could be accepted.
   * @throws {Error} when a controller answers at this path, or where there can be no socket.
   */
  static async open(path: string, onError: (error: Error) => void): Promise<Window> {
    if (await isAnswered(path)) throw new Error(`another controller runs on this host: it answers at ${path}`);
    // Who was killed left it behind.
    rmSync(path, { force: true });
    const window = new Window();
    const umask = process.umask(UMASK);
    try {
      window.#server.listen(path);
    } finally {
      process.umask(umask);
    }
    await once(window.#server, "listening");
    window.#server.on("error", onError);
    return window;
  }
  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else send(response, refusal(error).status, refusal(error).body);
      });
    });
  }

  /** What is told until there is something to see. */
  waitsFor(what: string): void {
    this.#waitsFor = what;
  }

  /** From now on there is something to see. */
  show(view: ControllerView): void {
    this.#view = view;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer({ method, url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(url, "http://controller");
    const isKnown = method === methodOf(pathname) && (pathname === FLOWS || isQuestion(pathname));
    if (!isKnown) return send(response, 404, { error: `GET ${[FLOWS, ...QUESTIONS].join(", ")}` });
    if (this.#view === undefined) return send(response, 503, { error: `it waits for ${this.#waitsFor}` });
    if (!isQuestion(pathname)) return sendFlows(response, this.#view.flows());
    const { status, body } = await answerTo(this.#view, pathname, searchParams);
    send(response, status, body);
  }
}

/** The one question that is not read-only is none that somebody asks by the way. */
const methodOf = (path: string): string => (path === "/inject" ? "POST" : "GET");

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** A hundred thousand flows take their time: not all at once. */
async function sendFlows(response: ServerResponse, flows: Iterable<FlowView>): Promise<void> {
  response.writeHead(200, { "content-type": "application/json" });
  let part: string[] = [];
  let isFirst = true;
  const write = async (): Promise<void> => {
    const text = `${isFirst ? '{"flows":[' : part.length > 0 ? "," : ""}${part.join()}`;
    isFirst = false;
    part = [];
    if (!response.write(text)) await drained(response);
    else await new Promise(setImmediate);
  };
  for (const flow of flows) {
    part.push(JSON.stringify(flow));
    if (part.length >= FLOWS_AT_ONCE) await write();
    if (response.destroyed) return;
  }
  await write();
  response.end("]}");
}

/** Or the reader has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

/** Whether somebody listens there. @throws what the system says where it is not to be known. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(false);
      else reject(error);
    });
  });
}
