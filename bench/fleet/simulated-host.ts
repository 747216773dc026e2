import { type Compiled, Compiler, Northbound, StatusWriter } from "@dragonflow/controller";
import { type Delta, LOCAL, putRow, type RowChange } from "@dragonflow/engine";
import { chassisStatusKind, type NbRecord, portStatusKind, record } from "@dragonflow/model";
import { interfaces, localPorts, tunnelId, tunnels } from "@dragonflow/pipeline";
import type { StoreDriver } from "@dragonflow/store";
import { connectAs, type RelayAccess } from "../lab-access.ts";
import { counted, Traffic } from "./counted-store.ts";
import { hostName, now } from "./protocol.ts";

const FIRST_TUNNEL = 10_000;

/**
 * A controller without a switch: its replica, its engine with all apps, its lease and what it says of itself. An interface is there as soon as the
 * store binds its port to this host, a tunnel as soon as it is wanted, and whatever was compiled counts as installed.
 */
export class SimulatedHost {
  readonly n: number;
  readonly traffic = new Traffic(now);
  /** Of its connections so far: closed ones, and the one that is open. */
  attempts = 0;
  connectedAt: number | undefined;
  /** When everything that came so far was compiled, and nothing was missing. */
  compiledAt: number | undefined;
  /** Until then, since the store had the last commit that came. */
  lagMs: number | undefined;
  unitsRun = 0;
  readonly #problem: (text: string) => void;
  readonly #up = new Map<string, boolean>();
  readonly #startedAt = new Date().toISOString();
  #compiler: Compiler | undefined;
  #northbound: Northbound | undefined;
  #status: StatusWriter | undefined;
  #ofport = 0;

  constructor(n: number, problem: (text: string) => void) {
    this.n = n;
    this.#problem = problem;
  }

  async start(access: RelayAccess): Promise<void> {
    const store = counted(await connectAs(`chassis:${hostName(this.n)}`, access), this.traffic);
    this.connectedAt = now();
    this.#run(store);
  }

  /** Flows, groups and everything else that it would keep true. */
  get outputs(): number {
    return this.#compiler?.engine.size().outputs ?? 0;
  }
  get topics(): number {
    return this.#compiler === undefined ? 0 : [...this.#compiler.engine.interest()].length;
  }
  /** Everything is there, and compiled. */
  get currentAt(): number | undefined {
    const { caughtUpAt } = this.traffic;
    if (caughtUpAt === undefined || this.compiledAt === undefined || this.#compiler?.settled !== true) return undefined;
    return Math.max(caughtUpAt, this.compiledAt);
  }

  async close(): Promise<void> {
    this.#status?.close();
    this.#compiler?.close();
    await this.#northbound?.close();
  }

  #run(store: StoreDriver): void {
    const chassis = hostName(this.n);
    const tunnelIp = tunnelIpOf(this.n);
    const say = (_fields: object, message: string): void => this.#problem(message);
    const compiler = new Compiler({ chassis, tunnelIp }, (delta) => this.#compiled(delta));
    const northbound = new Northbound(
      store,
      { chassis },
      { info: () => undefined, warn: say, error: say },
      {
        onRows: (rows, topics) => compiler.change([...rows, ...rows.flatMap((row) => this.#plugged(row))], topics),
        onStatus: () => this.#status?.seen(),
        onFailure: (error) => this.#problem(error.message),
      },
    );
    this.#compiler = compiler;
    this.#northbound = northbound;
    this.#status = new StatusWriter(store, northbound.status, northbound.replica, {
      onUp: () => undefined,
      onFailure: (error) => this.#problem(error.message),
    });
    this.#say();
  }

  /** The interface of a port that the store binds to this host. */
  #plugged({ table, id, row }: RowChange): readonly RowChange[] {
    if (table !== localPorts) return [];
    if (row === undefined) return [{ table: interfaces, partition: LOCAL, id, row: undefined }];
    return [putRow(interfaces, LOCAL, { id, ofport: ++this.#ofport, name: `tap${id.slice(0, 8)}` })];
  }

  #compiled(delta: Delta<Compiled>): void {
    this.#northbound?.follow(delta.interest);
    this.unitsRun += delta.unitsRun;
    const facts: RowChange[] = [];
    let isAboutPorts = false;
    for (const item of delta.removed.values()) {
      if (item.type === "port-status") isAboutPorts = this.#up.delete(item.portId) || isAboutPorts;
      else if (item.type === "tunnel") {
        const id = tunnelId(item.chassis, item.encapsulation);
        facts.push({ table: tunnels, partition: LOCAL, id, row: undefined });
      }
    }
    for (const item of delta.set.values()) {
      if (item.type === "port-status") {
        this.#up.set(item.portId, item.holder !== undefined);
        isAboutPorts = true;
      } else if (item.type === "tunnel") {
        const { chassis, encapsulation } = item;
        const ofport = FIRST_TUNNEL + ++this.#ofport;
        facts.push(putRow(tunnels, LOCAL, { id: tunnelId(chassis, encapsulation), chassis, encapsulation, ofport }));
      }
    }
    this.compiledAt = now();
    const { committedAtMs } = this.traffic;
    if (committedAtMs !== undefined) this.lagMs = performance.timeOrigin + performance.now() - committedAtMs;
    this.#compiler?.change(facts);
    if (isAboutPorts) this.#say();
  }
  #say(): void {
    const chassis = hostName(this.n);
    const self: NbRecord = record(chassisStatusKind, {
      id: chassis,
      hostname: chassis,
      tunnelIp: tunnelIpOf(this.n),
      encapsulations: ["geneve"],
      release: "none",
      startedAt: this.#startedAt,
      bridgeMappings: [],
    });
    const ports = Array.from(this.#up, ([id, up]) => record(portStatusKind, { id, chassis, up, error: null }));
    this.#status?.say({ records: [self, ...ports], isComplete: true });
  }
}

const tunnelIpOf = (n: number): string => `172.${16 + (n >> 16)}.${(n >> 8) & 0xff}.${n & 0xff}`;
