import {
  type ClaimRefusalRecord,
  claimRefusalKind,
  type EndpointRecord,
  encodeFields,
  endpointKind,
  type RecordId,
  record,
  recordId,
  statusTopic,
  type Topic,
  topic,
} from "@dragonflow/model";
import type { Change, RowChange } from "@dragonflow/store";
import type { ChangeListener } from "./reports.ts";

/**
 * What the folding has written into topics that it does not read, noted in one that it does: the chassis that it
 * knows, their endpoints, and the refusals. A note is the record itself under another key, in the same commit. So a
 * server that takes over knows what stands where, dead chassis included, without following every topic of the cloud.
 *
 *   chassis/NAME                 {}
 *   endpoint/NAME                as in endpoint/NAME
 *   claim-refusal/NAME/PORT      as in chassis/NAME
 */
export const NOTES_TOPIC: Topic = topic("refs", "folding");

const KNOWN = "chassis";
const refusalNote = (r: ClaimRefusalRecord): RecordId => recordId(claimRefusalKind.kind, `${r.chassis}/${r.id}`);

export class Notes {
  readonly #listener: ChangeListener;
  readonly #known = new Set<string>();
  readonly #endpoints = new Map<string, EndpointRecord>();
  /** By port, then by the chassis that was refused. */
  readonly #refusals = new Map<string, Map<string, ClaimRefusalRecord>>();

  constructor(listener: ChangeListener) {
    this.#listener = listener;
  }

  isKnown(chassis: string): boolean {
    return this.#known.has(chassis);
  }
  endpointOf(chassis: string): EndpointRecord | undefined {
    return this.#endpoints.get(chassis);
  }
  refusalsOf(portId: string): Iterable<ClaimRefusalRecord> {
    return this.#refusals.get(portId)?.values() ?? [];
  }

  /** Takes one note, or its end. */
  take(change: RowChange): void {
    if (change.topic !== NOTES_TOPIC) return;
    const { kind, id, row } = change;
    if (kind === KNOWN) {
      if (row === undefined) this.#known.delete(id);
      else this.#known.add(id);
      this.#listener.chassisChanged(id);
    } else if (kind === endpointKind.kind) {
      if (row === undefined) this.#endpoints.delete(id);
      else this.#endpoints.set(id, endpointKind.parse(row));
      this.#listener.chassisChanged(id);
    } else if (kind === claimRefusalKind.kind) {
      const [chassis = "", portId = ""] = id.split("/");
      const refusals = this.#refusals.get(portId) ?? new Map<string, ClaimRefusalRecord>();
      if (row === undefined) refusals.delete(chassis);
      else refusals.set(chassis, claimRefusalKind.parse(row));
      if (refusals.size === 0) this.#refusals.delete(portId);
      else this.#refusals.set(portId, refusals);
      this.#listener.portChanged(portId);
    }
  }

  /**
   * The changes that make a chassis known at this endpoint; none when it is. Each inner list belongs into one commit,
   * as everywhere here.
   */
  knowing(chassis: string, endpoint: EndpointRecord | undefined): readonly (readonly Change[])[] {
    const known = {
      op: "put",
      topic: NOTES_TOPIC,
      id: recordId(KNOWN, chassis),
      value: encodeFields({ id: chassis }),
    } as const;
    const groups: (readonly Change[])[] = this.isKnown(chassis) ? [] : [[known]];
    const before = this.#endpoints.get(chassis);
    if (endpoint === undefined || (before !== undefined && sameEndpoint(before, endpoint))) return groups;
    const { topic: at, id } = record(endpointKind, endpoint);
    const value = encodeFields(endpoint);
    return [
      ...groups,
      [
        { op: "put", topic: at, id, value },
        { op: "put", topic: NOTES_TOPIC, id, value },
      ],
    ];
  }

  /** The changes after which nothing is left of a chassis, `reports` being the records in its own topic. */
  forgetting(chassis: string, reports: readonly RecordId[]): readonly (readonly Change[])[] {
    const groups: (readonly Change[])[] = reports.map((id) => [{ op: "delete", topic: statusTopic(chassis), id }]);
    const endpoint = this.#endpoints.get(chassis);
    if (endpoint !== undefined) {
      const { topic: at, id } = record(endpointKind, endpoint);
      groups.push([
        { op: "delete", topic: at, id },
        { op: "delete", topic: NOTES_TOPIC, id },
      ]);
    }
    if (this.isKnown(chassis)) groups.push([{ op: "delete", topic: NOTES_TOPIC, id: recordId(KNOWN, chassis) }]);
    return groups;
  }

  /** The changes after which just these chassis are told that `holder` has the port. */
  refusing(portId: string, holder: string, chassis: readonly string[]): readonly (readonly Change[])[] {
    const before = this.#refusals.get(portId);
    const groups: (readonly Change[])[] = [];
    for (const name of chassis) {
      if (before?.get(name)?.holder === holder) continue;
      const refusal: ClaimRefusalRecord = { id: portId, chassis: name, holder };
      const { topic: at, id } = record(claimRefusalKind, refusal);
      const value = encodeFields(refusal);
      groups.push([
        { op: "put", topic: at, id, value },
        { op: "put", topic: NOTES_TOPIC, id: refusalNote(refusal), value },
      ]);
    }
    for (const refusal of before?.values() ?? []) {
      if (chassis.includes(refusal.chassis)) continue;
      const { topic: at, id } = record(claimRefusalKind, refusal);
      groups.push([
        { op: "delete", topic: at, id },
        { op: "delete", topic: NOTES_TOPIC, id: refusalNote(refusal) },
      ]);
    }
    return groups;
  }
}

function sameEndpoint(a: EndpointRecord, b: EndpointRecord): boolean {
  return a.ip === b.ip && a.encapsulations.join() === b.encapsulations.join();
}
