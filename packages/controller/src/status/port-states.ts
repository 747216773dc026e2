import { type NbRecord, portStatusKind, record } from "@dragonflow/model";
import type { DesiredPortStatus, Holder } from "@dragonflow/pipeline";

interface PortState {
  readonly wanted: DesiredPortStatus;
  /** The change of the switch that its flows came with. */
  change: number;
  /** Some of its flows are not compiled yet: what they depend on has not arrived. */
  isWaiting: boolean;
}

/**
 * What this host says of its ports: a port is up once all its flows were compiled, the switch acknowledged the change that they came with, and none of
 * them is amiss.
 */
export class PortStates {
  readonly #chassis: string;
  readonly #ports = new Map<string, PortState>();
  #applied = 0;

  constructor(chassis: string) {
    this.#chassis = chassis;
  }

  /**
   * One batch of the engine.
   * @param ports what became of ports; undefined: gone.
   * @param change the number of the change of the switch that came with it.
   * @param waiting objects that have units which wait for topics.
   */
  compiled(
    ports: Iterable<readonly [string, DesiredPortStatus | undefined]>,
    change: number,
    waiting: ReadonlySet<string>,
  ): void {
    // A port that is complete stays so, whatever is added to it later.
    for (const [id, port] of this.#ports) {
      if (!port.isWaiting) continue;
      port.isWaiting = waiting.has(id);
      port.change = change;
    }
    for (const [id, wanted] of ports) {
      if (wanted === undefined) this.#ports.delete(id);
      else this.#ports.set(id, { ...this.#arrival(id, wanted, change, waiting), wanted });
    }
  }

  /** A port that only has other addresses now is as up as it was. */
  #arrival(id: string, wanted: DesiredPortStatus, change: number, waiting: ReadonlySet<string>) {
    const known = this.#ports.get(id);
    const stays = known?.wanted.holder !== undefined && known.wanted.holder.ofport === wanted.holder?.ofport;
    return stays ? { change: known.change, isWaiting: known.isWaiting } : { change, isWaiting: waiting.has(id) };
  }

  /** Who holds the addresses of a port that is here, and shall be up. */
  holderOf(id: string): Holder | undefined {
    return this.#ports.get(id)?.wanted.holder;
  }

  /** The switch has done all up to this change. */
  applied(change: number): void {
    this.#applied = change;
  }

  /** @param errors what is amiss with a port, in words. */
  records(errors: ReadonlyMap<string, string>): readonly NbRecord[] {
    return Array.from(this.#ports, ([id, { wanted, change, isWaiting }]) => {
      const error = errors.get(id) ?? null;
      const up = wanted.holder !== undefined && !isWaiting && change <= this.#applied && error === null;
      return record(portStatusKind, { id, chassis: this.#chassis, up, error });
    });
  }
}
