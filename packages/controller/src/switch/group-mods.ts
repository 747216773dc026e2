import type { Action, MessageNamed } from "@dragonflow/openflow";
import type { Binding, DesiredGroup, Pipeline } from "@dragonflow/pipeline";

type GroupMod = MessageNamed<"group_mod">;
type Buckets = ReadonlyMap<number, readonly Action[]>;

/** The buckets of a group as the switch has them, by bucket number; and which symbol each number stands for. */
export interface InstalledGroup {
  readonly buckets: Buckets;
  readonly numbers: ReadonlyMap<string, number>;
}

/** More changes than this, and the group is written anew. */
const MAX_BUCKET_MODS = 64;
/** Behind the last bucket (OpenFlow 1.5.1 section 7.3.4.2, OFPG_BUCKET_LAST). */
const BUCKET_LAST = 0xfffffffe;

const same = (a: readonly Action[], b: readonly Action[]): boolean => text(a) === text(b);
const text = (actions: readonly Action[]): string =>
  JSON.stringify(actions, (_, v: unknown) => (typeof v === "bigint" ? v.toString() : v));

/** Every bucket keeps its number; one that was found in the switch with the same actions gives its number to the bucket that wants these. */
function numberBuckets(
  group: DesiredGroup,
  actions: ReadonlyMap<string, readonly Action[]>,
  installed: InstalledGroup | undefined,
): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  const taken = new Set<number>();
  const take = (id: string, number: number): void => {
    numbers.set(id, number);
    taken.add(number);
  };
  for (const { id } of group.buckets) {
    const known = installed?.numbers.get(id);
    if (known !== undefined) take(id, known);
  }
  const strangers = new Map(
    [...(installed?.buckets ?? [])].filter(([n]) => !taken.has(n)).map(([n, a]) => [text(a), n]),
  );
  let next = 1;
  for (const { id } of group.buckets) {
    if (numbers.has(id)) continue;
    const found = strangers.get(text(actions.get(id) ?? []));
    if (found !== undefined && !taken.has(found)) {
      take(id, found);
      continue;
    }
    while (taken.has(next) || installed?.buckets.has(next)) next++;
    take(id, next);
  }
  return numbers;
}

/**
 * What takes a group from what is installed (undefined: not there) to what is desired: single buckets inserted and removed where few differ.
 * Pure. Nothing to send where nothing differs.
 */
export function groupMods(
  group: DesiredGroup,
  number: number,
  pipeline: Pipeline,
  binding: Binding,
  installed: InstalledGroup | undefined,
): { readonly mods: readonly GroupMod[]; readonly installs: InstalledGroup } {
  const actions = new Map(group.buckets.map((bucket) => [bucket.id, pipeline.bucketActions(bucket, binding)]));
  const numbers = numberBuckets(group, actions, installed);
  const buckets: Buckets = new Map(group.buckets.map(({ id }) => [numbers.get(id) ?? 0, actions.get(id) ?? []]));
  const installs = { buckets, numbers };
  const whole = (command: "add" | "modify"): GroupMod => ({
    type: "group_mod",
    command,
    groupType: "all",
    group: number,
    buckets: [...buckets].map(([bucket, list]) => ({ bucket, actions: list })),
  });
  if (installed === undefined) return { mods: [whole("add")], installs };
  const removed = [...installed.buckets.keys()].filter((n) => !buckets.has(n));
  const changed = [...buckets].filter(
    ([n, list]) => installed.buckets.has(n) && !same(list, installed.buckets.get(n) ?? []),
  );
  const added = [...buckets].filter(([n]) => !installed.buckets.has(n));
  if (removed.length + added.length + changed.length === 0) return { mods: [], installs };
  if (changed.length > 0 || removed.length + added.length > MAX_BUCKET_MODS)
    return { mods: [whole("modify")], installs };
  const mods: GroupMod[] = removed.map((bucket) => ({
    type: "group_mod",
    command: "remove_bucket",
    groupType: "all",
    group: number,
    commandBucket: bucket,
    buckets: [],
  }));
  if (added.length > 0) {
    mods.push({
      type: "group_mod",
      command: "insert_bucket",
      groupType: "all",
      group: number,
      commandBucket: BUCKET_LAST,
      buckets: added.map(([bucket, list]) => ({ bucket, actions: list })),
    });
  }
  return { mods, installs };
}
