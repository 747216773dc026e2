import { equal } from "@dragonflow/engine";
import type { MessageNamed } from "@dragonflow/openflow";
import type { Binding, Bucket, DesiredGroup, Pipeline } from "@dragonflow/pipeline";
import { actionsText } from "./canonical.ts";

type GroupMod = MessageNamed<"group_mod">;
/** Bucket number -> its actions, in canonical bytes. */
export type Buckets = ReadonlyMap<number, string>;

/** A bucket that was sent: what was desired, its number, and its actions in canonical bytes. */
interface SentBucket {
  readonly desired: Bucket;
  readonly number: number;
  readonly text: string;
}

/** A group as the switch has it. */
export interface InstalledGroup {
  /** Undefined: not known, and perhaps there is no such group: the switch may have taken a part of a change, and refused another. */
  readonly buckets: Buckets | undefined;
  /** By its symbol; empty for a group that was read back. */
  readonly sent: ReadonlyMap<string, SentBucket>;
}

/** More changes than this, and the group is written anew. */
const MAX_BUCKET_MODS = 64;
/** Behind the last bucket (OpenFlow 1.5.1 section 7.3.4.2, OFPG_BUCKET_LAST). */
const BUCKET_LAST = 0xfffffffe;
/** A message ends at 65,535 bytes: a group that needs more comes in several. */
const MAX_BUCKET_BYTES = 48 * 1024;
const BUCKET_HEADER_BYTES = 16;

/**
 * Every bucket keeps its number. After a restart the numbers are not known: a bucket that was found in the switch with the same actions gives its
 * number to the bucket that wants these.
 */
function numberBuckets(
  wanted: ReadonlyMap<string, string>,
  installed: InstalledGroup | undefined,
): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const taken = new Set<number>();
  const take = (id: string, number: number): void => {
    numbers.set(id, number);
    taken.add(number);
  };
  for (const id of wanted.keys()) {
    const known = installed?.sent.get(id);
    if (known !== undefined) take(id, known.number);
  }
  const found = installed?.buckets ?? new Map<number, string>();
  const strangers = new Map<string, number[]>();
  for (const [number, actions] of found) {
    if (taken.has(number)) continue;
    const same = strangers.get(actions);
    if (same === undefined) strangers.set(actions, [number]);
    else same.push(number);
  }
  const fresh: string[] = [];
  for (const [id, actions] of wanted) {
    if (numbers.has(id)) continue;
    const number = strangers.get(actions)?.shift();
    if (number === undefined) fresh.push(id);
    else take(id, number);
  }
  let next = 1;
  for (const id of fresh) {
    while (taken.has(next) || found.has(next)) next++;
    take(id, next);
  }
  return numbers;
}

/**
 * What takes a group from what is installed (undefined: not there) to what is desired: single buckets inserted and removed where few differ.
 * Nothing to send where nothing differs. Pure but for the numbers that `binding` hands out. @throws {EncodeError}
 */
export function groupMods(
  group: DesiredGroup,
  number: number,
  pipeline: Pipeline,
  binding: Binding,
  installed: InstalledGroup | undefined,
): { readonly mods: readonly GroupMod[]; readonly installs: InstalledGroup } {
  const texts = new Map<string, string>();
  for (const bucket of group.buckets) {
    const before = installed?.sent.get(bucket.id);
    // Of a thousand buckets one has changed.
    const isSame = before !== undefined && equal(before.desired.steps, bucket.steps);
    texts.set(bucket.id, isSame ? before.text : actionsText(pipeline.bucketActions(bucket, binding)));
  }
  const numbers = numberBuckets(texts, installed);
  const sent = new Map<string, SentBucket>();
  const desired = new Map<number, Bucket>();
  const buckets = new Map<number, string>();
  for (const bucket of group.buckets) {
    const { id } = bucket;
    const [own = 0, text = ""] = [numbers.get(id), texts.get(id)];
    sent.set(id, { desired: bucket, number: own, text });
    desired.set(own, bucket);
    buckets.set(own, text);
  }
  const installs = { buckets, sent };
  const mod = (command: GroupMod["command"], some: readonly number[], commandBucket?: number): GroupMod => ({
    type: "group_mod",
    command,
    groupType: "all",
    group: number,
    ...(commandBucket === undefined ? {} : { commandBucket }),
    buckets: some.flatMap((bucket) => {
      const wanted = desired.get(bucket);
      return wanted === undefined ? [] : [{ bucket, actions: pipeline.bucketActions(wanted, binding) }];
    }),
  });
  const insert = (parts: readonly (readonly number[])[]): GroupMod[] =>
    parts.map((part) => mod("insert_bucket", part, BUCKET_LAST));
  const whole = (): GroupMod[] => {
    const [first = [], ...rest] = parted([...buckets.keys()], buckets);
    return [mod("add_or_mod", first), ...insert(rest)];
  };

  const there = installed?.buckets;
  if (there === undefined) return { mods: whole(), installs };
  const removed = [...there.keys()].filter((bucket) => !buckets.has(bucket));
  const added = [...buckets.keys()].filter((bucket) => !there.has(bucket));
  const isChanged = [...buckets].some(([bucket, text]) => there.has(bucket) && there.get(bucket) !== text);
  if (isChanged || removed.length + added.length > MAX_BUCKET_MODS) return { mods: whole(), installs };
  return {
    mods: [...removed.map((bucket) => mod("remove_bucket", [], bucket)), ...insert(parted(added, buckets))],
    installs,
  };
}

/** As few parts as fit into a message each. */
function parted(numbers: readonly number[], buckets: Buckets): readonly (readonly number[])[] {
  const parts: number[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const number of numbers) {
    const length = BUCKET_HEADER_BYTES + (buckets.get(number)?.length ?? 0);
    bytes += length;
    if (bytes > MAX_BUCKET_BYTES) {
      parts.push([]);
      bytes = length;
    }
    parts.at(-1)?.push(number);
  }
  return parts;
}
