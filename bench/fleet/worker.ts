/** A process that holds some of the fleet's hosts; told what to do by whoever forked it, and ended with it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { residentMb } from "../processes.ts";
import type { Answer, Order } from "./protocol.ts";
import { SimulatedHost } from "./simulated-host.ts";

const hosts: SimulatedHost[] = [];
const problems = new Map<string, number>();
const problem = (text: string): void => void problems.set(text, (problems.get(text) ?? 0) + 1);

/** Whose connection is made: what follows from a host's start is its own, also when it connects again. */
const owner = new AsyncLocalStorage<SimulatedHost>();
const sockets = new Map<SimulatedHost, Set<Socket>>();
const closedBytes = new Map<SimulatedHost, number>();
subscribe("net.client.socket", (message) => {
  const host = owner.getStore();
  if (host === undefined || typeof message !== "object" || message === null || !("socket" in message)) return;
  const { socket } = message;
  if (!(socket instanceof Socket)) return;
  host.attempts++;
  const open = sockets.get(host) ?? new Set();
  sockets.set(host, open.add(socket));
  socket.once("close", () => {
    open.delete(socket);
    closedBytes.set(host, (closedBytes.get(host) ?? 0) + socket.bytesRead);
  });
});
function bytesOf(host: SimulatedHost): number {
  let bytes = closedBytes.get(host) ?? 0;
  for (const socket of sockets.get(host) ?? []) bytes += socket.bytesRead;
  return bytes;
}

/** What each host had when arrivals were asked for last. */
const told = new Map<SimulatedHost, { readonly messages: number; readonly records: number; readonly units: number }>();

function arrivals(): Answer {
  const found = hosts.flatMap((host) => {
    const { messages, records } = host.traffic;
    const before = told.get(host) ?? { messages: 0, records: 0, units: 0 };
    told.set(host, { messages, records, units: host.unitsRun });
    const unitsRun = host.unitsRun - before.units;
    if (messages === before.messages && unitsRun === 0) return [];
    const { n, compiledAt, lagMs } = host;
    return [
      { n, messages: messages - before.messages, records: records - before.records, compiledAt, lagMs, unitsRun },
    ];
  });
  return { type: "arrivals", arrivals: found, bytes: hosts.map(bytesOf) };
}

function state(): Answer {
  const { user, system } = process.cpuUsage();
  return {
    type: "state",
    hosts: hosts.map(({ n, attempts, connectedAt, currentAt, outputs, topics }) => ({
      n,
      attempts,
      connectedAt,
      currentAt,
      outputs,
      topics,
    })),
    memoryMb: residentMb(process.pid),
    cpuSeconds: (user + system) / 1e6,
    problems: Array.from(problems, ([text, times]) => `${times} times: ${text}`),
  };
}

function progress({ since }: Extract<Order, { type: "progress" }>): Answer {
  const connected = hosts.filter(({ connectedAt }) => connectedAt !== undefined).length;
  const current = hosts.filter(({ currentAt }) => currentAt !== undefined && currentAt >= since).length;
  const [problem] = problems;
  return { type: "progress", connected, current, problem: problem && `${problem[1]} times: ${problem[0]}` };
}

function start({ access, instead, first, count }: Extract<Order, { type: "start" }>): void {
  for (let n = first; n < first + count; n++) {
    const host = new SimulatedHost(n, problem);
    hosts.push(host);
    const url = instead.get(n) ?? access.url;
    owner.run(host, () => host.start({ ...access, url }).catch((error: unknown) => problem(String(error))));
  }
}

const answer = (message: Answer): void => void process.send?.(message);

process.on("message", (order: Order) => {
  switch (order.type) {
    case "start":
      start(order);
      break;
    case "state":
      answer(state());
      break;
    case "progress":
      answer(progress(order));
      break;
    case "arrivals":
      answer(arrivals());
      break;
    case "stop":
      // Nothing of it is to be kept: connections end with the process.
      process.exit(0);
      break;
    default:
      order satisfies never;
  }
});
process.on("disconnect", () => process.exit(0));
