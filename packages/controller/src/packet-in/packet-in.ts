import { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";
import type { Holder } from "@dragonflow/pipeline";
import { type Counts, noCounts } from "./answering.ts";
import type { FromWorker, ResponseRow, ToWorker, WorkerSettings } from "./protocol.ts";

export interface PacketInEvents {
  problem: [message: string];
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 10_000;
/** A thread that needs more is ended, and started anew. */
const MAX_HEAP_MB = 256;

/** How a thread is started; tests have it in their hands. */
export type StartWorker = (settings: WorkerSettings) => Worker;
/** Beside this file; a build (scripts/build.ts) has it under another name. */
const PROGRAM = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./packet-in-worker.js", import.meta.url);
const startWorker: StartWorker = (settings) =>
  new Worker(PROGRAM, {
    workerData: settings,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });

/** The controller's side of the packet-in thread. A thread that dies is started again, and told all that was declared. */
export class PacketIn extends EventEmitter<PacketInEvents> {
  readonly #settings: WorkerSettings;
  readonly #startWorker: StartWorker;
  readonly #rows = new Map<string, ResponseRow>();
  #tunnels: readonly number[] = [];
  /** Of threads that are no more. */
  #past: Counts = noCounts();
  #present: Counts = noCounts();
  #worker: Worker | undefined;
  #connected = false;
  #waitMs = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: WorkerSettings, start: StartWorker = startWorker) {
    super();
    this.#settings = settings;
    this.#startWorker = start;
    this.#start();
  }

  /** Since the controller was started. */
  get counts(): Readonly<Counts> {
    return sum(this.#past, this.#present);
  }
  get connected(): boolean {
    return this.#connected;
  }

  /** What responders answer from has changed. */
  declare(rows: readonly ResponseRow[]): void {
    if (rows.length === 0) return;
    for (const row of rows) {
      const key = `${row.responder} ${row.subject}`;
      if (row.row === undefined) this.#rows.delete(key);
      else this.#rows.set(key, row);
    }
    this.#post({ type: "rows", rows });
  }

  /** All tunnels that there are: vswitchd drops the first packets to a peer whose address it does not know, so it is made to ask before. */
  warmUp(ofports: readonly number[]): void {
    if (ofports.join() === this.#tunnels.join()) return;
    this.#tunnels = ofports;
    this.#post({ type: "tunnels", ofports });
  }

  /** The port is up: its network is told who holds its addresses now. */
  announce(portId: string, holder: Holder): void {
    this.#post({ type: "holder", portId, holder });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#worker?.terminate();
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #start(): void {
    const worker = this.#startWorker(this.#settings);
    this.#worker = worker;
    this.#post({ type: "rows", rows: [...this.#rows.values()] });
    this.#post({ type: "tunnels", ofports: this.#tunnels });
    worker.on("message", (message: FromWorker) => this.#take(message));
    worker.on("error", (error) =>
      this.#problem(`the packet-in thread failed: ${error instanceof Error ? error.stack : String(error)}`),
    );
    worker.on("exit", () => this.#ended());
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case "up":
        this.#connected = true;
        this.#waitMs = FIRST_WAIT_MS;
        return;
      case "report":
        this.#present = message.counts;
        if (message.failure !== undefined) this.#problem(message.failure);
        return;
      case "problem":
        this.#connected = false;
        this.#problem(message.message);
    }
  }

  #ended(): void {
    this.#worker = undefined;
    this.#connected = false;
    this.#past = sum(this.#past, this.#present);
    this.#present = noCounts();
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.#start(), this.#waitMs);
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
  }

  #problem(message: string): void {
    if (!this.#closed) this.emit("problem", message);
  }
}

function sum(a: Counts, b: Counts): Counts {
  const byResponder = { ...a.byResponder };
  for (const [name, count] of Object.entries(b.byResponder)) byResponder[name] = (byResponder[name] ?? 0) + count;
  return {
    packets: a.packets + b.packets,
    replies: a.replies + b.replies,
    announcements: a.announcements + b.announcements,
    undecodable: a.undecodable + b.undecodable,
    unknown: a.unknown + b.unknown,
    failed: a.failed + b.failed,
    dropped: a.dropped + b.dropped,
    byResponder,
  };
}
