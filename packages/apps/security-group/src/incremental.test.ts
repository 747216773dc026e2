/** However a host came to where it is, its flows are those of a compile from scratch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkApp,
  Engine,
  LOCAL,
  type PartitionChange,
  removeRow,
  type RowChange,
  type State,
} from "@dragonflow/engine";
import type { Desired } from "@dragonflow/pipeline";
import {
  addressGroup,
  addressGroupId,
  alone,
  groupId,
  host,
  identity,
  network,
  onHost,
  port,
  type RuleSpec,
  router,
  securityGroup,
  SELF,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

const common: State = [
  ...host(),
  ...network({ n: 1 }),
  ...network({ n: 2, networkType: "vxlan" }),
  ...router(1, [1, 2]),
  ...identity(1, [1]),
  ...identity(2, [2]),
  ...identity(3, [1, 2]),
];
const ask: RuleSpec = { n: 1, direction: "egress", remoteGroupId: groupId(2) };
const range: RuleSpec = {
  n: 2,
  direction: "ingress",
  protocol: 6,
  portMin: 1,
  portMax: 1023,
  remoteGroupId: groupId(1),
};

test("incremental is from scratch", () => {
  const local = port({ n: 11, network: 1, groups: [1], identity: 1 });
  const remote = (set: number) =>
    port({ n: 12, network: 2, chassis: "host2", groups: set === 3 ? [1, 2] : [set], identity: set });
  const group = (n: number, rules: readonly RuleSpec[], stateful = true) => securityGroup({ n, rules, stateful });
  checkApp(
    app.compile,
    [
      [...common, ...group(1, [ask]), ...group(2, []), ...local, ...remote(2)],
      [...common, ...group(1, [ask, range]), ...group(2, [range]), ...local, ...remote(3)],
      [...common, ...group(1, [range], false), ...group(2, []), ...local, ...remote(3)],
      [
        ...common,
        ...group(1, [ask, range]),
        ...group(2, [range]),
        ...port({ n: 11, network: 2, groups: [1, 2], identity: 3 }),
      ],
      [
        ...common,
        ...group(1, [range]),
        ...group(2, []),
        ...port({ n: 11, network: 1, portSecurity: false }),
        ...remote(2),
      ],
    ],
    onHost,
  );
});

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

const GROUPS = [1, 2, 3, 4];
const PORTS = Array.from({ length: 12 }, (_, i) => 11 + i);

/** A world of groups, ports and networks that changes one thing at a time. */
class World {
  readonly #rows = new Map<string, RowChange>();
  readonly #rules = new Map<number, Map<number, RuleSpec>>(GROUPS.map((n) => [n, new Map()]));
  readonly #number: () => number;

  constructor(seed: number) {
    this.#number = numbers(seed);
    this.#put([...host(), ...network({ n: 1 }), ...network({ n: 2 }), ...network({ n: 3, networkType: "vxlan" })]);
    for (const group of GROUPS) this.#put(securityGroup({ n: group, rules: [] }));
  }
  get state(): State {
    return [...this.#rows.values()];
  }

  change(): readonly RowChange[] {
    const what = this.#below(20);
    if (what < 8) return this.#rule();
    if (what < 14) return this.#port();
    if (what < 15) return this.#put(addressGroup(1 + this.#below(2), this.#some(ADDRESSES)));
    if (what < 16) return this.#put(network({ n: 3, networkType: this.#one(["vxlan", "geneve"] as const) }));
    if (what < 17) return this.#replace("router-", router(1, [1, ...this.#some([2, 3])]));
    if (what < 18) return this.#set();
    return this.#group();
  }

  #rule(): readonly RowChange[] {
    const group = this.#one(GROUPS);
    const rules = this.#rules.get(group) ?? new Map<number, RuleSpec>();
    const n = group * 100 + this.#below(8);
    if (!rules.delete(n)) rules.set(n, this.#anyRule(n));
    return this.#put(securityGroup({ n: group, rules: [...rules.values()] }));
  }
  #anyRule(n: number): RuleSpec {
    const remote = this.#below(4);
    return {
      n,
      direction: this.#one(["ingress", "egress"]),
      ipVersion: this.#one([4, 6]),
      ...this.#one([
        {},
        { protocol: 6, portMin: 22, portMax: 22 },
        { protocol: 17, portMin: 1, portMax: 1023 },
        { protocol: 1, portMin: 8 },
      ]),
      ...(remote === 1 && { remoteGroupId: groupId(this.#one(GROUPS)) }),
      ...(remote === 2 && { remoteAddressGroupId: addressGroupId(1 + this.#below(2)) }),
      ...(remote === 3 && { remotePrefix: this.#one(ADDRESSES) }),
    };
  }
  /** Comes, goes, moves, or gets other groups. */
  #port(): readonly RowChange[] {
    const n = this.#one(PORTS);
    const groups = this.#some(GROUPS);
    const fields = { n, chassis: this.#one([SELF, "host2"]), portSecurity: this.#below(8) > 0 };
    const set = fields.portSecurity ? groups : [];
    const pairs = this.#below(4) === 0 ? [{ ip: "172.20.0.0/16", mac: "02:00:00:00:00:01" }] : [];
    const here = port({ ...fields, network: 1 + this.#below(3), pairs, groups: set, identity: identityOf(set) });
    const known = set.length === 0 ? [] : identity(identityOf(set), set);
    return [...this.#replace(portPrefix(n), this.#below(6) === 0 ? [] : here), ...this.#put(known)];
  }
  /** A set that nobody has any more goes, or nobody notices. */
  #set(): readonly RowChange[] {
    return this.#replace(`group-identity ${this.#below(16)} `, []);
  }
  #group(): readonly RowChange[] {
    const n = this.#one(GROUPS);
    const rules = [...(this.#rules.get(n)?.values() ?? [])];
    return this.#put(securityGroup({ n, rules, stateful: this.#below(3) > 0 }));
  }

  #put(rows: readonly RowChange[]): readonly RowChange[] {
    for (const row of rows) this.#rows.set(nameOf(row), row);
    return rows;
  }
  /** All rows whose names begin so are these from now on. */
  #replace(prefix: string, rows: readonly RowChange[]): readonly RowChange[] {
    const names = new Set(rows.map(nameOf));
    const gone = [...this.#rows].filter(([name]) => name.includes(prefix) && !names.has(name));
    for (const [name] of gone) this.#rows.delete(name);
    return [...gone.map(([, { table, partition, id }]) => removeRow(table, partition, id)), ...this.#put(rows)];
  }
  #below(n: number): number {
    return Math.floor(this.#number() * n);
  }
  #one<T>(of: readonly [T, ...T[]] | readonly T[]): T {
    const chosen = of[this.#below(of.length)];
    assert.ok(chosen !== undefined);
    return chosen;
  }
  #some<T>(of: readonly T[]): readonly T[] {
    return of.filter(() => this.#below(2) === 0);
  }
}
const ADDRESSES = ["10.0.0.0/8", "10.0.1.0/24", "192.0.2.1", "fd00::/16", "fd00:1::/64", "::/0"];
const nameOf = ({ table, partition, id }: RowChange): string => `${table.name} ${id} ${partition}`;
const portPrefix = (n: number): string => ` c0${n.toString(16).padStart(6, "0")}-`;
const identityOf = (groups: readonly number[]): number => groups.reduce((bits, n) => bits + 2 ** (n - 1), 0);

function fresh(): Engine<Desired> {
  return new Engine<Desired>({ apps: [app.compile], output: alone.output, roots: () => true });
}
/** Rows arrive, and so do the topics that are asked for because of them. */
function show(engine: Engine<Desired>, rows: readonly RowChange[]): void {
  const current = (topics: Iterable<string>): readonly PartitionChange[] =>
    [...topics].filter((topic) => topic !== LOCAL).map((partition) => ({ partition, state: "current" }));
  engine.apply(rows, current(rows.map(({ partition }) => partition)));
  for (let asked = [""]; asked.length > 0; engine.apply([], current(asked)))
    asked = engine.pendingUnits().flatMap(({ waitsFor }) => [...waitsFor]);
}
const flowsOf = (engine: Engine<Desired>): ReadonlyMap<string, Desired> => new Map(engine.outputs());

test("a random sequence of 1,000 changes leaves exactly the flows of a compile from scratch", (t) => {
  const seed = Number(process.env["DRAGONFLOW_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`DRAGONFLOW_SEED=${seed}`);
  const world = new World(seed);
  const engine = fresh();
  show(engine, world.state);
  let flows = 0;
  for (let n = 1; n <= 1000; n++) {
    show(engine, world.change());
    if (n % 10 !== 0) continue;
    const scratch = fresh();
    show(scratch, world.state);
    assert.deepEqual(flowsOf(engine), flowsOf(scratch), `after ${n} changes of seed ${seed}`);
    assert.deepEqual(engine.conflicts(), [], `seed ${seed}`);
    assert.deepEqual(engine.faults(), [], `seed ${seed}`);
    flows = Math.max(flows, flowsOf(engine).size);
  }
  assert.ok(flows > 200, `${flows} flows at most, of seed ${seed}`);
});
