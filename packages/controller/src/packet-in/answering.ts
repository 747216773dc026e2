import { decodeUserdata, type Reply, type Responder } from "@dragonflow/pipeline";
import { DecodeError } from "@dragonflow/wire";

export interface Counts {
  packets: number;
  replies: number;
  undecodable: number;
  unknown: number;
  byResponder: Record<string, number>;
}
export const noCounts = (): Counts => ({ packets: 0, replies: 0, undecodable: 0, unknown: 0, byResponder: {} });

/** Which responder answers a packet, from which row. Holds rows; sends nothing. */
export class Answering {
  readonly counts: Counts = noCounts();
  readonly #byNumber: ReadonlyMap<number, Responder>;
  readonly #byName: ReadonlyMap<string, Responder>;
  readonly #rows = new Map<string, Map<number, object>>();

  constructor(responders: readonly Responder[]) {
    this.#byNumber = new Map(responders.map((r) => [r.number, r]));
    this.#byName = new Map(responders.map((r) => [r.name, r]));
    if (this.#byNumber.size !== responders.length) throw new RangeError("two responders have one number");
  }

  set(responder: string, subject: number, row: object | undefined): void {
    const rows = this.#rows.get(responder) ?? new Map<number, object>();
    this.#rows.set(responder, rows);
    if (row === undefined) rows.delete(subject);
    else rows.set(subject, row);
  }

  /** What is sent for a packet: nothing where it does not decode, or where nobody declared a row for it. */
  answer(userdata: Uint8Array, bytes: Uint8Array, inPort: number): readonly Reply[] {
    this.counts.packets++;
    const address = decodeUserdata(userdata);
    const responder = address && this.#byNumber.get(address.responder);
    const row = responder && this.#rows.get(responder.name)?.get(address.subject);
    if (responder === undefined || row === undefined) {
      this.counts.unknown++;
      return [];
    }
    this.counts.byResponder[responder.name] = (this.counts.byResponder[responder.name] ?? 0) + 1;
    try {
      const replies = responder.respond(row, { bytes, inPort });
      this.counts.replies += replies.length;
      return replies;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.counts.undecodable++;
      return [];
    }
  }

  /** What a responder says without being asked, for one row. */
  announce(responder: string, subject: number): readonly Reply[] {
    const row = this.#rows.get(responder)?.get(subject);
    return (row && this.#byName.get(responder)?.periodic?.announce(row)) ?? [];
  }
  everySeconds(responder: string): number | undefined {
    return this.#byName.get(responder)?.periodic?.everySeconds;
  }
}
