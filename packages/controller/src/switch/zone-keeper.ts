import type { Message, OpenFlowError, OpenFlowSocket } from "@dragonflow/openflow";
import { type Wanted, zonesOf } from "./plan.ts";
import { Uses } from "./uses.ts";
import { type ZoneLedger, Zones } from "./zones.ts";

/** Takes the numbers of zones to write down. */
export type WriteDown = (ledger: ZoneLedger) => void;

/** From the flows that are desired to the zones in the switch, and to what is written down of them. See {@link Zones}. */
export class ZoneKeeper {
  readonly #zones = new Zones();
  readonly #uses = new Uses(zonesOf);
  /** Keys of flows whose zones are not ready. */
  readonly #waiting = new Set<string>();
  readonly #writeDown: WriteDown;

  /** @param writeDown absent: the numbers are forgotten with this object. */
  constructor(writeDown: WriteDown | undefined) {
    this.#writeDown = writeDown ?? ((ledger) => this.#zones.written(ledger));
    if (writeDown === undefined) this.#zones.written(new Map());
  }

  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }
  /** Zones that are taken. */
  get count(): number {
    return this.#zones.ledger.size;
  }
  /** Undefined for a name that has none yet. */
  numberOf(name: string): number | undefined {
    return this.#zones.numberOf(name);
  }
  /** The number of a zone that flows may use. */
  readyNumberOf(name: string): number | undefined {
    return this.#zones.isReady(name) ? this.#zones.numberOf(name) : undefined;
  }
  /** See {@link Zones.prepare}. */
  readonly prepare = (name: string): boolean => this.#zones.prepare(name);

  /** What is wanted under a key was `before`, and is `wanted` with this change. */
  declare(key: string, before: Wanted | undefined, wanted: Wanted | undefined, change: number): void {
    this.#uses.replace(key, before, wanted);
    for (const zone of zonesOf(before)) if (!this.#uses.has(zone)) this.#zones.leave(zone, change);
    for (const zone of zonesOf(wanted)) this.#zones.want(zone);
  }

  written(ledger: ZoneLedger): void {
    this.#zones.written(ledger);
  }

  /** Of the flows under these keys, some have to wait. */
  planned(keys: Iterable<string>, waiting: readonly string[]): void {
    for (const key of keys) this.#waiting.delete(key);
    for (const key of waiting) this.#waiting.add(key);
    if (waiting.length > 0) this.#writeDown(this.#zones.ledger);
  }

  /** The switch is read back: what it did not flush is to be flushed again. */
  forgive(): void {
    this.#zones.forgive();
  }

  /** Whether zones are to be flushed before their first flows are sent. */
  get hasFresh(): boolean {
    return this.#zones.fresh.size > 0;
  }
  /** @returns how many were flushed. @throws {ConnectionError} */
  async flushFresh(socket: OpenFlowSocket): Promise<number> {
    const fresh = [...this.#zones.fresh];
    const refusals = await this.#flush(socket, fresh);
    for (const zone of fresh) this.#zones.flushed(zone, refusals.get(zone));
    return fresh.length - refusals.size;
  }

  /**
   * All changes up to this one are in the switch: zones that no flow uses any more are emptied and given back. What the switch does not flush now, it
   * does before somebody else gets the zone.
   * @returns how many were flushed. @throws {ConnectionError}
   */
  async giveBack(socket: OpenFlowSocket, change: number): Promise<number> {
    const unused = this.#zones.unused(change);
    if (unused.length === 0) return 0;
    const refusals = await this.#flush(socket, unused);
    for (const zone of unused) this.#zones.free(zone);
    this.#writeDown(this.#zones.ledger);
    return unused.length - refusals.size;
  }

  /** @returns what the switch did not do. */
  async #flush(socket: OpenFlowSocket, zones: readonly string[]): Promise<ReadonlyMap<string, OpenFlowError>> {
    const messages = zones.flatMap((name): readonly Message[] => {
      const zone = this.numberOf(name);
      return zone === undefined ? [] : [{ type: "ct_flush_zone", zone }];
    });
    const refused = new Map<string, OpenFlowError>();
    for (const error of await socket.apply(messages)) {
      const zone = zones[messages.findIndex((message) => message === error.request)];
      if (zone !== undefined) refused.set(zone, error);
    }
    return refused;
  }
}
