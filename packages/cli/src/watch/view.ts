import type { LabStatus } from "@dragonflow/lab";
import type { PairView, Totals } from "./ping-board.ts";

/** All that the live table shows, at one moment. */
export interface LabView {
  readonly lab: string;
  /** How long it has been watched. */
  readonly seconds: number;
  readonly hosts: readonly {
    readonly name: string;
    readonly state: LabStatus["hosts"][number]["state"];
    /** Whether its controller is alive; null while nobody can say. */
    readonly alive: boolean | null;
  }[];
  readonly vms: readonly {
    readonly name: string;
    readonly host: string;
    /** Name of its network; empty while nobody can say. */
    readonly network: string;
    /** Of the port, as the API has it; empty while nobody can say. */
    readonly status: string;
    readonly addresses: readonly string[];
  }[];
  readonly pairs: readonly PairView[];
  readonly totals: readonly Totals[];
  /** Null: the lab has none. */
  readonly api: string | null;
  /** Why the API could not be asked; null when it could. */
  readonly apiError: string | null;
  /** Commands to try next. */
  readonly suggestions: readonly string[];
  /** What ends the show, and what that does. */
  readonly ending: string;
}
