import { isDeepStrictEqual } from "node:util";
import {
  chassisStatusKind,
  encodeFields,
  type NbRecord,
  portStatusKind,
  type RecordId,
  recordId,
  type Topic,
} from "@dragonflow/model";
import {
  backOff,
  type Change,
  type Clock,
  type Committed,
  comparePositions,
  type Fields,
  newCommitId,
  OutcomeUnknown,
  type Replica,
  type StoreDriver,
  systemClock,
  Unavailable,
} from "@dragonflow/store";

/** What this host has to say of itself. */
export interface Statement {
  readonly records: readonly NbRecord[];
  /** Ports that are not among them are not here. Else it is not known yet, and what was said of them holds. */
  readonly isComplete: boolean;
}

export interface StatusListener {
  /** The store knows that these ports are up, and knew before that they were not. */
  readonly onUp: (portIds: readonly string[]) => void;
  /** It could not be written, for another reason than that the store is away. */
  readonly onFailure: (error: Error) => void;
}

export interface StatusWriterOptions {
  readonly clock?: Clock;
  /** What the host writes there; other kinds are left as they are. */
  readonly kinds?: ReadonlySet<string>;
}

/** A change, and what stands there after it. */
interface Written {
  readonly change: Change;
  readonly fields: Fields | undefined;
  /** The port that is up by this, and was not. */
  readonly raised?: string;
}

const STATUS_KINDS: ReadonlySet<string> = new Set([chassisStatusKind.kind, portStatusKind.kind]);
const RETRY_MS = { first: 50, longest: 5000 } as const;
/** Less than any store takes at a time: a thousand ports come in a few commits. */
const MOST_CHANGES = 100;
const MOST_BYTES = 512 * 1024;

/**
 * Keeps a topic of the host's own (`status/<chassis>`, `answers/<chassis>`) equal to what the host has to say, whoever changes it: what stands there is what the replica shows,
 * and what was acknowledged since. One commit at a time, each with all that has changed meanwhile; while the store is away the last word waits.
 */
export class StatusWriter {
  readonly #store: Pick<StoreDriver, "commit">;
  readonly #topic: Topic;
  readonly #replica: Pick<Replica, "head" | "rows" | "state">;
  readonly #listener: StatusListener;
  readonly #clock: Clock;
  readonly #kinds: ReadonlySet<string>;
  readonly #abort = new AbortController();
  /** What the store acknowledged and the replica does not show yet; undefined: deleted. */
  readonly #written = new Map<RecordId, Fields | undefined>();
  #acknowledged: Extract<Committed, { readonly ok: true }> | undefined;
  #statement: Statement | undefined;
  #busy = false;
  #attempt = 0;
  #cancelRetry: (() => void) | undefined;
  #told = "";

  constructor(
    store: Pick<StoreDriver, "commit">,
    topic: Topic,
    replica: Pick<Replica, "head" | "rows" | "state">,
    listener: StatusListener,
    { clock = systemClock, kinds = STATUS_KINDS }: StatusWriterOptions = {},
  ) {
    this.#store = store;
    this.#topic = topic;
    this.#replica = replica;
    this.#listener = listener;
    this.#clock = clock;
    this.#kinds = kinds;
  }

  /** All that shall stand there. */
  say(statement: Statement): void {
    this.#statement = statement;
    if (this.#cancelRetry === undefined) this.#write();
  }

  /** What the replica shows has changed: by us, by somebody else, or since the store is another one or is back. */
  seen(): void {
    this.#forgetShown();
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#write();
  }

  close(): void {
    this.#abort.abort(new Error("the controller stops"));
    this.#cancelRetry?.();
  }

  #write(): void {
    if (this.#busy || this.#statement === undefined || this.#abort.signal.aborted) return;
    // Not loaded yet, or the store is away: it is seen again when it is back.
    if (this.#replica.state(this.#topic) !== "current") return;
    const changes = this.#difference(this.#statement);
    if (changes.length === 0) return;
    this.#busy = true;
    this.#commit(changes).then(
      () => {
        this.#busy = false;
        this.#attempt = 0;
        this.#told = "";
        this.#write();
      },
      (error: unknown) => {
        this.#busy = false;
        if (!this.#abort.signal.aborted) this.#retry(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  async #commit(changes: readonly Written[]): Promise<void> {
    const list = changes.map(({ change }) => change);
    const committed = await this.#store.commit(newCommitId(), list, [], this.#abort.signal);
    // Without expectations nothing fails.
    if (committed.ok) this.#acknowledged = committed;
    for (const { change, fields } of changes) this.#written.set(change.id, fields);
    // The replica may be as far already, or further.
    this.#forgetShown();
    const raised = changes.flatMap((written) => written.raised ?? []);
    if (raised.length > 0) this.#listener.onUp(raised);
  }

  /** Whether it happened or not: the next attempt says all that is so then. */
  #retry(error: Error): void {
    // A store that is away is nothing to tell of here: others do.
    const isAway = error instanceof Unavailable || error instanceof OutcomeUnknown;
    if (!isAway && error.message !== this.#told) this.#listener.onFailure(error);
    this.#told = error.message;
    this.#cancelRetry = this.#clock.after(backOff(this.#attempt++, RETRY_MS.first, RETRY_MS.longest), () => {
      this.#cancelRetry = undefined;
      this.#write();
    });
  }

  /** What was acknowledged no longer counts once the replica shows it, or shows another history. */
  #forgetShown(): void {
    const head = this.#replica.head(this.#topic);
    const done = this.#acknowledged;
    const position = done?.positions.get(this.#topic);
    const isSameHistory = head !== undefined && position !== undefined && head.lineage === done?.lineage;
    if (isSameHistory && comparePositions(head.position, position) < 0) return;
    this.#written.clear();
  }

  #difference({ records, isComplete }: Statement): readonly Written[] {
    const actual = new Map<RecordId, Fields | undefined>();
    for (const { kind, id, row } of this.#replica.rows(this.#topic))
      if (this.#kinds.has(kind)) actual.set(recordId(kind, id), row);
    for (const [id, fields] of this.#written) actual.set(id, fields);
    const changes: Written[] = [];
    const wanted = new Set<RecordId>();
    for (const { id, kind, topic, fields } of records) {
      wanted.add(id);
      const stands = actual.get(id);
      if (stands !== undefined && says(stands, fields)) continue;
      // What a newer release wrote beside it stays.
      const value = encodeFields(fields, stands);
      const isRaised = kind === portStatusKind.kind && "up" in fields && fields.up === true && stands?.["up"] !== true;
      const change = { op: "put", topic, id, value } as const;
      changes.push({ change, fields: { ...stands, ...fields }, ...(isRaised && { raised: fields.id }) });
    }
    for (const [id, fields] of actual) {
      if (fields === undefined || wanted.has(id)) continue;
      if (!isComplete && id.startsWith(`${portStatusKind.kind}/`)) continue;
      changes.push({ change: { op: "delete", topic: this.#topic, id }, fields: undefined });
    }
    return changes.slice(0, atOnce(changes));
  }
}

/** How many of them go in one commit. */
function atOnce(changes: readonly Written[]): number {
  let bytes = 0;
  const end = changes.findIndex(({ change }, i) => {
    bytes += change.op === "put" ? change.value.byteLength : 0;
    return i > 0 && bytes > MOST_BYTES;
  });
  return Math.min(MOST_CHANGES, end < 0 ? changes.length : end);
}

function says(stands: Fields, fields: object): boolean {
  return Object.entries(fields).every(([name, value]) => isDeepStrictEqual(stands[name], value));
}
