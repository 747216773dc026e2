import { type At, LOCAL } from "./define.ts";
import { Source } from "./source.ts";

/**
 * Interest: which partitions this host needs. The nodes of the graph are partitions; an edge A -> B says that some units anchored on rows of A read
 * B, and counts them. Wanted is what can be reached from the roots, by mark and sweep over this graph of a few hundred nodes: counts alone would keep
 * a cycle (network - router - network) alive for ever.
 *
 * A derived row lies in no partition of its own. The units anchored on it count as anchored where its owners are anchored (a group row has many
 * owners, and any of them suffices): that is where the row would not exist without. *Reading* a derived row makes no edge to its owners'
 * partitions: such an edge could keep a partition wanted only because it had once arrived, and a fresh start would never ask for it.
 */
export class Partition extends Source {
  readonly name: string;
  readonly at: At;
  readonly root: boolean;
  /** This partition as the list of homes of its own rows. */
  readonly alone: readonly Partition[];
  state: "current" | "pending" | "absent";
  marked: boolean;
  /** Tables and indexes that hold something of this partition. */
  holders = 0;
  /** The last run that reached here, see {@link Source.lastRun}; that one is for waiting. */
  lastReach = 0;
  readonly #edges = new Map<Partition, number>();
  #edgesIn = 0;
  readonly #graph: Partitions;

  constructor(graph: Partitions, name: string, root: boolean) {
    super();
    this.#graph = graph;
    this.name = name;
    this.at = { partition: name };
    this.root = root;
    this.marked = root;
    this.alone = [this];
    this.state = name === LOCAL ? "current" : "absent";
  }
  get edges(): Iterable<Partition> {
    return this.#edges.keys();
  }
  connect(to: Partition): void {
    const count = this.#edges.get(to) ?? 0;
    this.#edges.set(to, count + 1);
    if (count > 0) return;
    to.#edgesIn++;
    if (this.marked && !to.marked) this.#graph.stale();
  }
  disconnect(to: Partition): void {
    const count = this.#edges.get(to) ?? 0;
    if (count > 1) {
      this.#edges.set(to, count - 1);
      return;
    }
    this.#edges.delete(to);
    to.#edgesIn--;
    if (this.marked && to.marked && !to.root) this.#graph.stale();
    to.prune();
    this.prune();
  }
  override unread(): void {
    this.prune();
  }
  /** Forgets this partition if nothing refers to it. */
  prune(): void {
    if (this.state !== "absent" || this.holders > 0 || this.isRead || this.#edgesIn > 0 || this.#edges.size > 0) return;
    this.#graph.forget(this);
  }
}

export interface InterestChange {
  readonly added: readonly string[];
  readonly dropped: readonly string[];
}

/** All partitions that something refers to. */
export class Partitions {
  readonly #byName = new Map<string, Partition>();
  readonly #isRoot: (partition: string) => boolean;
  readonly #interest = new Set<string>();
  #stale = false;

  constructor(isRoot: (partition: string) => boolean) {
    this.#isRoot = isRoot;
  }
  /** Wanted partitions, but for the roots, which the caller wants anyway. */
  get interest(): ReadonlySet<string> {
    return this.#interest;
  }
  get size(): number {
    return this.#byName.size;
  }
  find(name: string): Partition | undefined {
    return this.#byName.get(name);
  }
  get(name: string): Partition {
    let partition = this.#byName.get(name);
    if (partition === undefined) {
      partition = new Partition(this, name, name === LOCAL || this.#isRoot(name));
      this.#byName.set(name, partition);
    }
    return partition;
  }
  stale(): void {
    this.#stale = true;
  }
  forget(partition: Partition): void {
    this.#byName.delete(partition.name);
  }
  /** Marks from the roots, if an edge has changed that matters. */
  sweep(): InterestChange {
    if (!this.#stale) return NO_CHANGE;
    this.#stale = false;
    const reached = new Set<Partition>();
    for (const partition of this.#byName.values()) if (partition.root) reached.add(partition);
    // A set can grow while it is walked: this visits everything that is reachable.
    for (const partition of reached) for (const next of partition.edges) reached.add(next);
    const added: string[] = [];
    const dropped: string[] = [];
    for (const partition of reached) {
      partition.marked = true;
      if (!partition.root && !this.#interest.has(partition.name)) added.push(partition.name);
    }
    for (const partition of this.#byName.values()) if (!reached.has(partition)) partition.marked = false;
    const names = new Set([...reached].map((partition) => partition.name));
    for (const name of this.#interest) if (!names.has(name)) dropped.push(name);
    for (const name of added) this.#interest.add(name);
    for (const name of dropped) this.#interest.delete(name);
    return { added, dropped };
  }
}
const NO_CHANGE: InterestChange = { added: [], dropped: [] };

export function samePartitions(a: readonly Partition[], b: readonly Partition[]): boolean {
  return a === b || (a.length === b.length && a.every((partition, i) => partition === b[i]));
}
