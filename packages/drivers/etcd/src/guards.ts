import { type Expect, ORIGIN, Unavailable } from "@dragonflow/store";
import type { Connection } from "./connection.ts";
import { type Era, revisionOf } from "./era.ts";
import type { Keys } from "./keys.ts";
import { txn } from "./wire/calls.ts";
import type { Compare } from "./wire/messages.ts";

/** What a transaction compares for its expectations, and how a refusal is read. */
export interface Guards {
  readonly compare: readonly Compare[];
  /** Keys to read where the transaction is refused; `judge` takes the revision that wrote each, 0 for one that is absent. */
  readonly reads: readonly string[];
  judge(revisions: readonly number[]): readonly Expect[];
  /** Expectations that are known to fail already. */
  readonly failed: readonly Expect[];
}

/** No key is ever at this revision: what a version of another lineage is compared with. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** The key that an expectation is about, and what must hold of the revision that wrote it; 0 = the key is absent. */
function termOf(keys: Keys, era: Era, expect: Expect): { readonly key: string; readonly compare: Compare } {
  switch (expect.kind) {
    case "absent":
    case "present": {
      const key = keys.record(expect.topic, expect.id);
      return { key, compare: { key, of: "mod", is: expect.kind === "absent" ? "equal" : "greater", than: 0 } };
    }
    case "version": {
      const key = keys.record(expect.topic, expect.id);
      const than = (expect.version === "" ? undefined : revisionOf(era, expect.version)) ?? NEVER;
      return { key, compare: { key, of: "mod", is: "equal", than } };
    }
    case "topic-unchanged": {
      const key = keys.head(expect.topic);
      const than = expect.since === ORIGIN ? 0 : (revisionOf(era, expect.since) ?? NEVER);
      return { key, compare: { key, of: "mod", is: "equal", than } };
    }
    default:
      return expect satisfies never;
  }
}
function holds({ is, than }: Compare, revision: number): boolean {
  return is === "greater" ? revision > Number(than) : revision === Number(than);
}

/**
 * Up to half of what etcd compares in one transaction, each expectation is compared there. More than that are looked at before, all at one revision,
 * and the transaction compares that their topics have not moved since.
 */
export async function guardsOf(
  connection: Connection,
  keys: Keys,
  era: Era,
  expect: readonly Expect[],
  maxTxnOps: number,
): Promise<Guards> {
  const terms = expect.map((each) => termOf(keys, era, each));
  const judge = (revisions: readonly number[]): readonly Expect[] =>
    expect.filter((_, i) => {
      const term = terms[i];
      return term !== undefined && !holds(term.compare, revisions[i] ?? 0);
    });
  const room = Math.floor(maxTxnOps / 2) - 4;
  if (expect.length <= room)
    return { compare: terms.map((term) => term.compare), reads: terms.map((term) => term.key), judge, failed: [] };

  const heads = [...new Set(expect.map((each) => keys.head(each.topic)))];
  const wanted = [...heads, ...terms.map((term) => term.key)];
  const { revision, revisions } = await readRevisions(connection, wanted, maxTxnOps);
  const failed = judge(revisions.slice(heads.length));
  const compare: readonly Compare[] =
    heads.length <= room
      ? heads.map((key, i) => ({ key, of: "mod", is: "equal", than: revisions[i] ?? 0 }))
      : [{ ...keys.topics, of: "mod", is: "less", than: revision + 1 }];
  return { compare, reads: [], judge: () => [], failed };
}

/** At one revision. */
async function readRevisions(
  connection: Connection,
  wanted: readonly string[],
  maxTxnOps: number,
): Promise<{ readonly revision: number; readonly revisions: readonly number[] }> {
  let revision = 0;
  const revisions: number[] = [];
  for (let start = 0; start < wanted.length; start += maxTxnOps) {
    const success = wanted.slice(start, start + maxTxnOps).map((key) => ({ range: { key, keysOnly: true, revision } }));
    const answer = await connection
      .read(txn, { success }, (fault) => fault.isCompacted || fault.isFuture)
      .catch((error: unknown) => {
        throw new Unavailable("what the commit expects could not be read", { cause: error });
      });
    if (revision === 0) revision = answer.header.revision;
    for (const range of answer.ranges) revisions.push(range.kvs[0]?.modRevision ?? 0);
  }
  return { revision, revisions };
}
