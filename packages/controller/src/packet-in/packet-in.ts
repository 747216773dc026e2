import { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";
import { noCounts, type Counts } from "./answering.ts";
import type { FromWorker, RowsMessage, ToWorker, WorkerSettings } from "./protocol.ts";

export interface PacketInEvents {
  problem: [message: string];
}

/** The controller's side of the packet-in thread. A thread that dies is started again, and told all rows. */
export class PacketIn extends EventEmitter<PacketInEvents> {
  readonly #settings: WorkerSettings;
  readonly #rows = new Map<string, RowsMessage["rows"][number]>();
  counts: Readonly<Counts> = noCounts();
  #worker: Worker;
  #closed = false;

  constructor(settings: WorkerSettings) {
    super();
    this.#settings = settings;
    this.#worker = this.#start();
  }

  declare(rows: RowsMessage["rows"]): void {
    if (rows.length === 0) return;
    for (const row of rows) {
      const key = `${row.responder} ${row.subject}`;
      if (row.row === undefined) this.#rows.delete(key);
      else this.#rows.set(key, row);
    }
    this.#post({ type: "rows", rows });
  }

  send(bytes: Uint8Array, outPort: number): void {
    this.#post({ type: "send", bytes, outPort });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker.terminate();
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: this.#settings });
    worker.on("message", (message: FromWorker) => {
      if (message.type === "problem") this.emit("problem", message.message);
      else this.counts = message;
    });
    worker.on("error", (error) =>
      this.emit("problem", `the packet-in thread failed: ${error instanceof Error ? error.stack : String(error)}`),
    );
    worker.on("exit", () => {
      if (this.#closed) return;
      this.#worker = this.#start();
      this.#post({ type: "rows", rows: [...this.#rows.values()] });
    });
    return worker;
  }
}
