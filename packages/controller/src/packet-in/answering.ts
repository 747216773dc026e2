import { decodeUserdata, type Reply, type Responder } from "@dragonflow/pipeline";
import { DecodeError } from "@dragonflow/wire";
import type { ResponseRow } from "./protocol.ts";

/** Packets, by what became of them. */
export interface Counts {
  packets: number;
  replies: number;
  /** Sent without being asked. */
  announcements: number;
  undecodable: number;
  /** Nobody declared a row for them. */
  unknown: number;
  /** The responder threw what it should not. */
  failed: number;
  /** The switch did not take replies as fast as it sent packets. */
  dropped: number;
  byResponder: Record<string, number>;
}
export const noCounts = (): Counts => ({
  packets: 0,
  replies: 0,
  announcements: 0,
  undecodable: 0,
  unknown: 0,
  failed: 0,
  dropped: 0,
  byResponder: {},
});

/** Which responder answers a packet, from which row. Holds rows; sends nothing. */
export class Answering {
  readonly counts: Counts = noCounts();
  /** What a responder threw last. */
  failure: string | undefined;
  readonly #byNumber: ReadonlyMap<number, Responder>;
  readonly #byName: ReadonlyMap<string, Responder>;
  readonly #rows = new Map<string, Map<number, object>>();

  constructor(responders: readonly Responder[]) {
    this.#byNumber = new Map(responders.map((r) => [r.number, r]));
    this.#byName = new Map(responders.map((r) => [r.name, r]));
    if (this.#byNumber.size !== responders.length) throw new RangeError("two responders have one number");
  }

  set({ responder, subject, row }: ResponseRow): void {
    const rows = this.#rows.get(responder) ?? new Map<number, object>();
    this.#rows.set(responder, rows);
    if (row === undefined) rows.delete(subject);
    else rows.set(subject, row);
  }

  /** What is sent for a packet: nothing where it does not decode, or where nobody declared a row for it. */
  answer(userdata: Uint8Array, bytes: Uint8Array, inPort: number): readonly Reply[] {
    const address = decodeUserdata(userdata);
    const responder = address && this.#byNumber.get(address.responder);
    const row = responder && this.#rows.get(responder.name)?.get(address.subject);
    if (responder === undefined || row === undefined) {
      this.counts.unknown++;
      return [];
    }
    this.counts.byResponder[responder.name] = (this.counts.byResponder[responder.name] ?? 0) + 1;
    return this.#try(responder, () => responder.respond(row, { bytes, inPort }));
  }

  /** How often a responder speaks without being asked; undefined: never. */
  everySeconds(responder: string): number | undefined {
    return this.#byName.get(responder)?.periodic?.everySeconds;
  }
  /** What it says then, for one row; nothing where the row is gone. */
  announce(name: string, subject: number): readonly Reply[] {
    const responder = this.#byName.get(name);
    const row = this.#rows.get(name)?.get(subject);
    if (responder?.periodic === undefined || row === undefined) return [];
    const { announce } = responder.periodic;
    return this.#try(responder, () => announce(row));
  }

  /** A responder that fails for one packet or row goes on answering the others. */
  #try({ name }: Responder, respond: () => readonly Reply[]): readonly Reply[] {
    try {
      return respond();
    } catch (error) {
      if (error instanceof DecodeError) this.counts.undecodable++;
      else {
        this.counts.failed++;
        this.failure = `responder ${name}: ${error instanceof Error ? error.stack : String(error)}`;
      }
      return [];
    }
  }
}
