import { OutcomeUnknown, Unavailable } from "../../errors.ts";
import { type Cell, type Cells, type CellTraits, type CellWatcher, revision } from "../cells.ts";

/** What happens to one request on its way. */
export type Fault =
  | "none"
  /** It does not arrive, and the client knows it. */
  | "refused"
  /** It does not arrive. */
  | "lost"
  /** It is done; the answer does not arrive. */
  | "unanswered"
  /** It is done, and then done again, while others go on. */
  | "repeated"
  /** No answer; it is done later, while others go on. */
  | "late"
  /** No answer; it is done right before the next write to its key. */
  | "just-before"
  /** The client dies; the request is not done. */
  | "dies-before"
  /** It is done, and the client dies. */
  | "dies-after";

export interface Request {
  readonly call: "read" | "write" | "remove" | "keys";
  readonly key: string;
}

interface Stored {
  readonly revision: number;
  readonly value: Uint8Array;
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A database in memory that is atomic on one key only, and clients of it whose requests take their time, get lost, are repeated or come late. */
export class SimulatedDatabase {
  cells = new Map<string, Stored>();
  traits: CellTraits = {
    durable: "quorum",
    auth: [],
    reach: "network",
    watch: "poke",
    bytesPerCell: 72 * 1024,
    history: "",
  };
  #revision = 0;
  readonly #watchers = new Set<{ readonly key: string; readonly poke: () => void }>();
  readonly #held = new Map<string, () => void>();

  /** What it holds now; what it returns puts that back. */
  backup(): () => void {
    const cells = new Map(this.cells);
    return () => {
      this.cells = cells;
    };
  }

  read(key: string): Cell | undefined {
    const stored = this.cells.get(key);
    return stored === undefined ? undefined : { revision: revision(String(stored.revision)), value: stored.value };
  }
  write(key: string, value: Uint8Array, expected: string) {
    if (value.length > this.traits.bytesPerCell) throw new RangeError(`${key}: ${value.length} bytes`);
    const held = this.#held.get(key);
    this.#held.delete(key);
    held?.();
    const stored = this.cells.get(key);
    if ((stored === undefined ? "absent" : String(stored.revision)) !== expected) return "moved" as const;
    this.cells.set(key, { revision: ++this.#revision, value: Uint8Array.from(value) });
    for (const watcher of this.#watchers) if (watcher.key === key) setImmediate(watcher.poke);
    return revision(String(this.#revision));
  }
  /** Done right before the next write to the key. */
  hold(key: string, run: () => void): void {
    this.#held.set(key, run);
  }
  keys(prefix: string, after: string, limit: number): readonly string[] {
    const found = [...this.cells.keys()].filter((key) => key.startsWith(prefix) && key > after);
    return found.sort().slice(0, limit);
  }
  watch(key: string, poke: () => void): AsyncDisposable {
    const watcher = { key, poke };
    this.#watchers.add(watcher);
    return { [Symbol.asyncDispose]: async () => void this.#watchers.delete(watcher) };
  }

  /** @param fault decides over each request; @param delay how many turns of the event loop it takes, each way. */
  connect(
    fault: (request: Request) => Fault = () => "none",
    delay: () => number = () => 0,
    onDeath: () => void = () => undefined,
  ): SimulatedClient {
    return new SimulatedClient(this, fault, delay, onDeath);
  }
}

export class SimulatedClient implements Cells {
  readonly #database: SimulatedDatabase;
  readonly #fault: (request: Request) => Fault;
  readonly #delay: () => number;
  readonly #onDeath: () => void;
  readonly #dead = Promise.withResolvers<never>();
  readonly #watchers = new Set<CellWatcher>();
  /** What a test waits with: before a request is done, and before its answer arrives. */
  gate: (request: Request, when: "before" | "after") => Promise<void> | undefined = () => undefined;
  #isCut = false;
  #isClosed = false;
  #isDead = false;

  constructor(
    database: SimulatedDatabase,
    fault: (request: Request) => Fault,
    delay: () => number,
    onDeath: () => void,
  ) {
    this.#database = database;
    this.#fault = fault;
    this.#delay = delay;
    this.#onDeath = onDeath;
    this.#dead.promise.catch(() => undefined);
  }

  get traits(): CellTraits {
    return this.#database.traits;
  }
  read(key: string): Promise<Cell | undefined> {
    return this.#send({ call: "read", key }, () => this.#database.read(key));
  }
  write(key: string, value: Uint8Array, expected: string) {
    return this.#send({ call: "write", key }, () => this.#database.write(key, value, expected));
  }
  async remove(key: string): Promise<void> {
    await this.#send({ call: "remove", key }, () => this.#database.cells.delete(key));
  }
  keys(prefix: string, after: string, limit: number): Promise<readonly string[]> {
    return this.#send({ call: "keys", key: prefix }, () => this.#database.keys(prefix, after, limit));
  }
  watch(key: string, watcher: CellWatcher): AsyncDisposable {
    this.#watchers.add(watcher);
    const watched = this.#database.watch(key, () => {
      if (!this.#isDead && !this.#isCut) watcher.poke();
    });
    return {
      [Symbol.asyncDispose]: async () => {
        this.#watchers.delete(watcher);
        await watched[Symbol.asyncDispose]();
      },
    };
  }
  /** Nothing arrives, until it is mended. */
  cut(): void {
    this.#isCut = true;
    for (const watcher of this.#watchers) watcher.lost();
  }
  mend(): void {
    this.#isCut = false;
    for (const watcher of this.#watchers) watcher.poke();
  }
  async close(): Promise<void> {
    this.#isClosed = true;
  }

  async #send<T>(request: Request, run: () => T): Promise<T> {
    if (this.#isDead) return this.#dead.promise;
    if (this.#isClosed) throw new Unavailable("closed");
    const fault = this.#isCut ? "refused" : this.#fault(request);
    await turns(this.#delay());
    // What only asks is never in doubt.
    const asks = request.call === "read" || request.call === "keys";
    switch (fault) {
      case "refused":
        throw new Unavailable("refused");
      case "lost":
        throw asks ? new Unavailable("lost") : new OutcomeUnknown("lost");
      case "unanswered":
        run();
        throw asks ? new Unavailable("no answer") : new OutcomeUnknown("no answer");
      case "late":
        void turns(3 + 7 * this.#delay()).then(run);
        throw asks ? new Unavailable("no answer") : new OutcomeUnknown("no answer");
      case "just-before":
        this.#database.hold(request.key, run);
        throw asks ? new Unavailable("no answer") : new OutcomeUnknown("no answer");
      case "repeated":
        void turns(1 + 5 * this.#delay()).then(run);
        break;
      case "dies-before":
        return this.#die();
      case "dies-after":
        run();
        return this.#die();
      case "none":
        break;
      default:
        fault satisfies never;
    }
    await this.gate(request, "before");
    const result = run();
    await turns(this.#delay());
    await this.gate(request, "after");
    return result;
  }

  /** Its process is gone: no call returns any more. */
  #die(): Promise<never> {
    this.#isDead = true;
    this.#onDeath();
    return this.#dead.promise;
  }
}
