import type { OpenFlowSocket } from "@dragonflow/openflow";
import type { Pipeline } from "@dragonflow/pipeline";
import { isOurs, readGroups } from "./actual.ts";
import type { Inventory } from "./inventory.ts";
import { asSent, numberedDrift } from "./numbered-drift.ts";
import type { Numbers } from "./numbers.ts";
import { type Drift, requestOf, Rounds, sliceDrift } from "./slices.ts";

/** What a step has found. */
export interface Audited {
  /** Flows of ours that the switch gave. */
  readonly flows: number;
  /** Of these, and of those that it should have given, what is not as it was sent. */
  readonly drift: Drift;
  /** How many groups and meters are not as they were sent. */
  readonly others: number;
}

/** Compares what the switch has with what it was sent, a part at a time; the parts come in turn. */
export class SelfAudit {
  readonly #pipeline: Pipeline;
  readonly #groups: Numbers;
  readonly #meters: Numbers;
  readonly #rounds = new Rounds();

  constructor(pipeline: Pipeline, groups: Numbers, meters: Numbers) {
    this.#pipeline = pipeline;
    this.#groups = groups;
    this.#meters = meters;
  }

  /** Looks at the part whose turn it is, until `next`. Right only if nothing was sent meanwhile. @throws {ConnectionError} */
  async look(socket: OpenFlowSocket, installed: Inventory): Promise<Audited> {
    const slice = this.#rounds.current(installed, this.#pipeline.tables.length);
    if (slice === undefined) {
      const actual = await readGroups(socket, this.#groups, this.#meters);
      return { flows: 0, drift: [], others: [...numberedDrift(actual, asSent(installed))].length };
    }
    const { entries } = await socket.request(requestOf(slice));
    const flows = entries.filter(({ cookie }) => isOurs(cookie)).length;
    return { flows, drift: sliceDrift(slice, entries, installed, this.#pipeline), others: 0 };
  }
  next(): void {
    this.#rounds.next();
  }
}
