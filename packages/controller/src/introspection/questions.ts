import { BadQuestion } from "./asked.ts";
import type { FlowView } from "./flow-view.ts";

/** What there is to see. */
export interface ControllerView {
  readonly flows: () => Iterable<FlowView>;
  readonly status: () => object;
  readonly statistics: () => Promise<object>;
  readonly drift: () => Promise<object>;
  readonly facts: () => object;
  readonly connections: (query: URLSearchParams) => Promise<object>;
  readonly trace: (query: URLSearchParams) => Promise<object>;
  readonly counts: (query: URLSearchParams) => Promise<object>;
  readonly inject: (query: URLSearchParams) => Promise<object>;
}

/**
 * What a controller can be asked, on its own socket and by the store alike. All of it is JSON.
 *
 *     /status  counters, connections, conflicts, faults
 *     /statistics  {rules, ports, drops}: see `Statistics`
 *     /drift   {inSync, differences, digests}: the switch, read back, against what is desired; and what of that each object caused
 *     /facts   {chassis, interfaces, tunnels}: what the local switch has
 *     /connections?port=ID  {connections}: what is tracked in the zone of a port; null where it has none
 *     /trace?in_port=N&frame=HEX...  {text}: what `ofproto/trace` of this host's switch says; see `traceInSwitch`
 *     /counts?cookie=HEX...&port=ID...  {flows, ports}: how many packets the flows with these cookies met, and these ports were given
 *     /inject?port=ID&frame=HEX&copies=N  {}: sends a packet as if the VM of that port did; the only one that is not read-only
 */
export const QUESTIONS = [
  "/status",
  "/statistics",
  "/drift",
  "/facts",
  "/connections",
  "/trace",
  "/counts",
  "/inject",
] as const;
export type QuestionPath = (typeof QUESTIONS)[number];

export interface Answer {
  /** As of HTTP. */
  readonly status: number;
  readonly body: object;
}

export const isQuestion = (path: string): path is QuestionPath => QUESTIONS.some((known) => known === path);

/** Never rejects: what went wrong is an answer too. */
export async function answerTo(view: ControllerView, path: QuestionPath, query: URLSearchParams): Promise<Answer> {
  try {
    return { status: 200, body: await look(view, path, query) };
  } catch (error) {
    return refusal(error);
  }
}

export const refusal = (error: unknown): Answer => ({
  status: error instanceof BadQuestion ? 400 : 500,
  body: { error: error instanceof Error ? error.message : String(error) },
});

async function look(view: ControllerView, path: QuestionPath, query: URLSearchParams): Promise<object> {
  switch (path) {
    case "/status":
      return view.status();
    case "/statistics":
      return view.statistics();
    case "/drift":
      return view.drift();
    case "/facts":
      return view.facts();
    case "/connections":
      return view.connections(query);
    case "/trace":
      return view.trace(query);
    case "/counts":
      return view.counts(query);
    case "/inject":
      return view.inject(query);
  }
}
