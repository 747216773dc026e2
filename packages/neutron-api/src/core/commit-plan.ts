import { encodeFields, recordId, type Topic } from "@dragonflow/model";
import { type Change, type Expect, type Position, projectionChanges, type Version } from "@dragonflow/store";
import type { RecordKey, StoredKind } from "./kinds.ts";

/** A guard says all by being there. */
const GUARD = new TextEncoder().encode("{}");
const keyText = (key: RecordKey): string => `${key.topic} ${key.id}`;

/** The version that a record has in the state; undefined: it is not there. */
export type VersionOf = (key: RecordKey) => Version | undefined;

/** What one commit writes and expects: the difference between what stood for its objects and what shall. */
export class CommitPlan {
  readonly #changes = new Map<string, Change>();
  readonly #expect = new Map<string, Expect>();
  readonly #versionOf: VersionOf;

  constructor(versionOf: VersionOf) {
    this.#versionOf = versionOf;
  }

  get changes(): readonly Change[] {
    return [...this.#changes.values()];
  }
  get expect(): readonly Expect[] {
    return [...this.#expect.values()];
  }

  expectUnchanged(topic: Topic, since: Position): void {
    this.#expect.set(`${topic} *`, { kind: "topic-unchanged", topic, since });
  }
  /** An object that this commit does not write must be what was read. */
  expectSame<O>(kind: StoredKind<O>, id: string): void {
    const self: RecordKey = { topic: kind.topic, id: recordId(kind.kind, id) };
    const version = this.#versionOf(self);
    if (version !== undefined) this.#require({ kind: "version", ...self, version });
  }
  /** Writes a record of no content, so that whoever expects the topic unchanged notices. */
  mark(topic: Topic, kind: string): void {
    this.#change({ op: "put", topic, id: recordId(kind, "-"), value: GUARD });
  }

  /** An object becomes `after`: its record, its projection, its guards and its references with it. */
  replace<O extends { readonly id: string }>(
    kind: StoredKind<O>,
    id: string,
    before: O | undefined,
    after: O | undefined,
  ): void {
    if (before === after) return;
    const self: RecordKey = { topic: kind.topic, id: recordId(kind.kind, id) };
    const version = this.#versionOf(self);
    this.#require(version === undefined ? { kind: "absent", ...self } : { kind: "version", ...self, version });
    this.#change(after === undefined ? { op: "delete", ...self } : { op: "put", ...self, value: encodeFields(after) });

    const project = (object: O | undefined) => (object === undefined ? [] : kind.project(object));
    for (const change of projectionChanges(project(before), project(after))) this.#change(change);
    this.#replaceGuards(before === undefined ? [] : kind.guards(before), after === undefined ? [] : kind.guards(after));
    if (after === undefined) return;
    const known = new Set(before === undefined ? [] : kind.references(before).map(keyText));
    for (const reference of kind.references(after))
      if (!known.has(keyText(reference))) this.#require({ kind: "present", ...reference });
  }

  #replaceGuards(before: readonly RecordKey[], after: readonly RecordKey[]): void {
    const held = new Map(before.map((guard) => [keyText(guard), guard]));
    for (const guard of after) {
      if (held.delete(keyText(guard))) continue;
      // Given up by another object of this same commit: taken over, not contended.
      if (this.#changes.get(keyText(guard))?.op !== "delete") this.#require({ kind: "absent", ...guard });
      this.#change({ op: "put", ...guard, value: GUARD });
    }
    for (const guard of held.values()) {
      if (this.#changes.get(keyText(guard))?.op === "put") this.#expect.delete(keyText(guard));
      else this.#change({ op: "delete", ...guard });
    }
  }

  #require(expect: Expect & RecordKey): void {
    const key = keyText(expect);
    // What this very commit writes needs not be there before it.
    if (expect.kind === "present" && (this.#changes.has(key) || this.#expect.has(key))) return;
    if (expect.kind === "absent" && this.#expect.get(key)?.kind === "absent")
      throw new RangeError(`two objects of one commit claim ${key}`);
    this.#expect.set(key, expect);
  }
  #change(change: Change): void {
    this.#changes.set(keyText(change), change);
  }
}
