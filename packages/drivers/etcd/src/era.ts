import { randomBytes, randomInt } from "node:crypto";
import {
  type Lineage,
  lineage as lineageOf,
  ORIGIN,
  type Position,
  position,
  StoreCorrupt,
  type Version,
  version,
} from "@dragonflow/store";
import { EtcdFault } from "./faults.ts";
import type { Keys } from "./keys.ts";
import type { Link } from "./link.ts";
import { range, txn } from "./wire/calls.ts";

const FORMAT = 1;
/**
 * A lineage starts far ahead of the one before, at a random distance: etcd's revisions go back with a restore, but positions and versions that were
 * given out before it, and lost by it, must never name anything else. Fits 53 bits for some hundreds of restores.
 */
const LINEAGE_GAP = { least: 2 ** 32, range: 2 ** 44 };
const LINEAGE_BYTES = 9;

/**
 * One lineage, and how its positions and versions come from etcd's revisions: `base` + revision. So the position of a topic is the revision of
 * its head, the version of a record the revision that wrote it, and one order goes through all.
 */
export interface Era {
  readonly lineage: Lineage;
  readonly base: number;
  /** The revision of the record that says this: a commit is refused where it has changed. */
  readonly metaRevision: number;
}
export const positionAt = (era: Era, revision: number): Position =>
  revision === 0 ? ORIGIN : position(String(era.base + revision));
export const versionAt = (era: Era, revision: number): Version => version(String(era.base + revision));
/** 0: the origin. undefined: nothing of this era. */
export function revisionOf(era: Era, text: Position | Version): number | undefined {
  if (text === ORIGIN) return 0;
  if (!/^[1-9]\d{0,15}$/.test(text)) return undefined;
  const revision = Number(text) - era.base;
  return revision > 0 && Number.isSafeInteger(revision) ? revision : undefined;
}

/** What this process knows to have happened: a store that does not know it went back in time. */
export interface Witness {
  readonly revision: number;
  /** The head that was written at `revision`, and what it says. */
  readonly key: string;
  readonly value: Uint8Array;
}
export interface Settled {
  readonly era: Era;
  /** Why it is a new one, where there had been another. */
  readonly renewed: string | undefined;
}

interface Meta {
  readonly lineage: string;
  readonly base: number;
  readonly cluster: string;
}
function parseMeta(value: Buffer, key: string): Meta {
  try {
    const parsed: unknown = JSON.parse(value.toString("utf8"));
    const { format, lineage, base, cluster }: Readonly<Record<string, unknown>> = { ...Object(parsed) };
    if (format !== FORMAT) throw new StoreCorrupt(`${key}: format ${String(format)}, this release reads ${FORMAT}`);
    if (typeof lineage === "string" && typeof base === "number" && typeof cluster === "string")
      return { lineage, base, cluster };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new StoreCorrupt(`${key} is not of Dragonflow`);
}

/**
 * Which era the store is in: looked at on every new connection, before it is used. A store that is empty gets its first one; one that went back in
 * time, or may have, gets a new one, from whoever sees it first.
 * @throws {EtcdFault} | {@link StoreCorrupt}
 */
export async function settleEra(
  link: Link,
  keys: Keys,
  before: { readonly era: Era; readonly witness: Witness | undefined } | undefined,
  asked: boolean,
): Promise<Settled> {
  for (;;) {
    const { kvs, header } = await link.call(range, { key: keys.meta });
    const [found] = kvs;
    const meta = found === undefined ? undefined : parseMeta(found.value, keys.meta);
    const cluster = String(header.clusterId);
    let doubt = meta === undefined ? "it is empty" : asked ? "it was asked for" : undefined;
    if (meta !== undefined && meta.cluster !== cluster) doubt ??= "it is another cluster of etcd than before";
    if (meta !== undefined && before?.era.lineage === meta.lineage)
      doubt ??= await doubtOf(link, header.revision, before.witness);
    if (found !== undefined && meta !== undefined && doubt === undefined) {
      const era = { lineage: lineageOf(meta.lineage), base: meta.base, metaRevision: found.modRevision };
      return { era, renewed: undefined };
    }
    const lineage = randomBytes(LINEAGE_BYTES).toString("base64url");
    const furthest = Math.max(header.revision, before?.witness?.revision ?? 0);
    const base =
      Math.max(meta?.base ?? 0, before?.era.base ?? 0) + furthest + LINEAGE_GAP.least + randomInt(LINEAGE_GAP.range);
    const renewed = await link.call(txn, {
      compare: [{ key: keys.meta, of: "mod", is: "equal", than: found?.modRevision ?? 0 }],
      success: [{ put: { key: keys.meta, value: JSON.stringify({ format: FORMAT, lineage, base, cluster }) } }],
    });
    // Else another client was first: its era is the one.
    if (!renewed.succeeded) continue;
    const era = { lineage: lineageOf(lineage), base, metaRevision: renewed.header.revision };
    return { era, renewed: meta === undefined && before === undefined ? undefined : doubt };
  }
}

async function doubtOf(link: Link, revision: number, witness: Witness | undefined): Promise<string | undefined> {
  if (witness === undefined) return undefined;
  if (revision < witness.revision) return `it is at revision ${revision}, and was at ${witness.revision}`;
  try {
    const [then] = (await link.call(range, { key: witness.key, revision: witness.revision })).kvs;
    if (then?.modRevision === witness.revision && Buffer.compare(then.value, witness.value) === 0) return undefined;
    return `its revision ${witness.revision} is another one than before`;
  } catch (error) {
    if (!(error instanceof EtcdFault)) throw error;
    // Then it is past what was seen, by far: a restored store has not yet thrown away what it went through since.
    if (error.isCompacted) return undefined;
    if (error.isFuture) return `its revision ${witness.revision} is yet to come`;
    throw error;
  }
}
