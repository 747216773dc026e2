import { type NbRecord, portStatusKind, record } from "@dragonflow/model";
import type { DesiredPortStatus } from "@dragonflow/pipeline";

/**
 * What this host says of its ports: a port is up once the switch acknowledged the change that its flows came with, and none of them was refused.
 */
export class PortStates {
  readonly #chassis: string;
  readonly #ports = new Map<string, { readonly wanted: DesiredPortStatus; readonly change: number }>();
  readonly #errors = new Map<string, Map<string, string>>();
  #applied = 0;

  constructor(chassis: string) {
    this.#chassis = chassis;
  }

  /** @param change the number of the change of the switch that came with it. */
  set(portId: string, wanted: DesiredPortStatus | undefined, change: number): void {
    if (wanted === undefined) {
      this.#ports.delete(portId);
      this.#errors.delete(portId);
    } else {
      this.#ports.set(portId, { wanted, change });
    }
  }
  applied(change: number): void {
    this.#applied = change;
  }
  /** A flow of this port was refused, or (undefined) is not wanted any more or was taken. */
  refused(portId: string, key: string, error: string | undefined): void {
    const errors = this.#errors.get(portId) ?? new Map<string, string>();
    if (error === undefined) errors.delete(key);
    else errors.set(key, error);
    if (errors.size > 0) this.#errors.set(portId, errors);
    else this.#errors.delete(portId);
  }

  records(): readonly NbRecord[] {
    return [...this.#ports].map(([id, { wanted, change }]) => {
      const [error = null] = this.#errors.get(id)?.values() ?? [];
      return record(portStatusKind, {
        id,
        chassis: this.#chassis,
        up: wanted.up && change <= this.#applied && error === null,
        error,
      });
    });
  }
}
