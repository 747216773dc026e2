import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { RelayAccess } from "../lab-access.ts";
import { type Answer, type Arrival, type HostState, now, type Order } from "./protocol.ts";

const WORKER = resolve(import.meta.dirname, "worker.ts");
const LOOK_MS = 500;
const REPORT_MS = 10_000;

type State = Extract<Answer, { type: "state" }>;
type Progress = Extract<Answer, { type: "progress" }>;
type Arrivals = Extract<Answer, { type: "arrivals" }>;

/** What the processes of the fleet need: all of them together. */
export interface FleetState {
  readonly hosts: readonly HostState[];
  readonly memoryMb: number;
  readonly cpuSeconds: number;
  readonly problems: readonly string[];
}

/** The processes that hold the hosts. */
export class Crew implements AsyncDisposable {
  readonly #workers: readonly ChildProcess[];
  readonly #hosts: number;

  /** Started, and without hosts. */
  static async start(processes: number, hosts: number): Promise<Crew> {
    const workers = Array.from({ length: processes }, () =>
      fork(WORKER, { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" }),
    );
    const crew = new Crew(workers, hosts);
    await crew.state();
    return crew;
  }
  private constructor(workers: readonly ChildProcess[], hosts: number) {
    this.#workers = workers;
    this.#hosts = hosts;
  }

  /** All hosts at once. @param instead where some of them connect to @returns when they were told to */
  startHosts(access: RelayAccess, instead: ReadonlyMap<number, string>): number {
    const each = Math.ceil(this.#hosts / this.#workers.length);
    const started = now();
    for (const [i, worker] of this.#workers.entries()) {
      const count = Math.max(0, Math.min(each, this.#hosts - i * each));
      worker.send({ type: "start", access, instead, first: i * each, count } satisfies Order);
    }
    return started;
  }

  async state(): Promise<FleetState> {
    const states = await this.#ask({ type: "state" }, (answer): answer is State => answer.type === "state");
    const sum = (of: (state: State) => number): number => states.reduce((total, state) => total + of(state), 0);
    return {
      hosts: states.flatMap(({ hosts }) => hosts),
      memoryMb: sum(({ memoryMb }) => memoryMb),
      cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
      problems: states.flatMap(({ problems }) => problems),
    };
  }
  /** What arrived at any host since this was asked last, and the bytes that each has read so far. */
  async arrivals(): Promise<{ readonly arrivals: readonly Arrival[]; readonly bytes: readonly number[] }> {
    const isArrivals = (answer: Answer): answer is Arrivals => answer.type === "arrivals";
    const answers = await this.#ask({ type: "arrivals" }, isArrivals);
    return {
      arrivals: answers.flatMap(({ arrivals }) => arrivals),
      bytes: answers.flatMap(({ bytes }) => bytes),
    };
  }
  /** Waits until every host is current, and since no longer ago than that. @param look is told on the way how many are connected */
  async current(
    since: number,
    deadlineMs: number,
    report: (line: string) => void,
    look: (connected: number) => void = () => undefined,
  ): Promise<FleetState> {
    const isProgress = (answer: Answer): answer is Progress => answer.type === "progress";
    for (let reported = now(); ; ) {
      await wait(LOOK_MS);
      const parts = await this.#ask({ type: "progress", since }, isProgress);
      look(parts.reduce((sum, { connected }) => sum + connected, 0));
      const current = parts.reduce((sum, part) => sum + part.current, 0);
      if (current === this.#hosts) return this.state();
      const [problem] = parts.flatMap((part) => part.problem ?? []);
      const words = `${current} of ${this.#hosts} hosts are current; ${problem ?? "no problems"}`;
      if (now() - since > deadlineMs) throw new Error(words);
      if (now() - reported < REPORT_MS) continue;
      reported = now();
      report(words);
    }
  }

  #ask<A extends Answer>(order: Order, isAnswer: (answer: Answer) => answer is A): Promise<readonly A[]> {
    return Promise.all(
      this.#workers.map(async (worker) => {
        const answered = once(worker, "message");
        worker.send(order);
        const [answer]: Answer[] = await answered;
        if (answer === undefined || !isAnswer(answer)) throw new Error(`unexpected answer: ${answer?.type}`);
        return answer;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) {
      if (worker.exitCode !== null) continue;
      const ended = once(worker, "exit");
      worker.send({ type: "stop" } satisfies Order);
      await ended;
    }
  }
}
