import type { Brand } from "@dragonflow/model";
import type { Capabilities, Reach } from "../contract.ts";

/** Opaque; names one state of one cell. Every write gives another. */
export type Revision = Brand<string, "Revision">;

function isRevision(text: string): text is Revision {
  return text.length > 0;
}
export function revision(text: string): Revision {
  if (!isRevision(text)) throw new RangeError("a revision has a name");
  return text;
}

export interface Cell {
  readonly revision: Revision;
  readonly value: Uint8Array;
}

/** What the database is, as it is connected. */
export interface CellTraits extends Pick<Capabilities, "durable" | "auth"> {
  readonly reach: Reach;
  /** `poke`: {@link Cells.watch} says that a cell changed, mostly. `none`: a {@link PubSub} must. */
  readonly watch: "poke" | "none";
  /** The largest value of a cell; at least 72 KiB. */
  readonly bytesPerCell: number;
  /**
   * Names this history of the database, and changes where acknowledged writes may be lost: it was restored, or a copy took over that had not had all
   * of them. "": the database cannot say.
   */
  readonly history: string;
}

export interface CellWatcher {
  /** The cell may have changed, or the database is reached again. May miss some, and repeat. */
  readonly poke: () => void;
  /** The connection was lost: nothing will be heard until the next poke. */
  readonly lost: () => void;
}

/**
 * A database that is atomic on one key only: what a driver must offer for the log (`openLogStore`) to make a store of it.
 *
 * Keys are ASCII: letters, digits and `%._~-/`, at most 1,000 characters. Each call may throw {@link Unavailable}: nothing happened; `write` and
 * `remove` also {@link OutcomeUnknown}: it may have, or may still. A write that was sent may arrive late, and a request may be carried out twice.
 */
export interface Cells {
  readonly traits: CellTraits;
  /** Linearizable. */
  read(key: string): Promise<Cell | undefined>;
  /**
   * Compare and set, where the database serializes: writes when the cell is at `expected` ("absent": when there is none).
   * @returns the new revision; "moved" when it was not so, and nothing was written.
   */
  write(key: string, value: Uint8Array, expected: Revision | "absent"): Promise<Revision | "moved">;
  /** Of what is absent: nothing happens. */
  remove(key: string): Promise<void>;
  /**
   * Keys that begin with `prefix` and are after `after`, in order of their bytes, at most `limit`. Whatever was there before the call and is there
   * after it is among them.
   */
  keys(prefix: string, after: string, limit: number): Promise<readonly string[]>;
  /** With traits.watch "poke". */
  watch(key: string, watcher: CellWatcher): AsyncDisposable;
  close(): Promise<void>;
}
