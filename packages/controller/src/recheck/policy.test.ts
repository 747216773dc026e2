/** What the connections of ports are judged by: what a change of rules costs, and what a port has lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkApp, costOf, Engine, LOCAL, type RowChange, type State } from "@dragonflow/engine";
import {
  addressGroup,
  addressGroupId,
  host,
  identity,
  network,
  onHost,
  port,
  portId,
  type RuleSpec,
  securityGroup,
} from "@dragonflow/pipeline/testing";
import { type Compiled, compiledOutput, dispatch } from "../dispatch.ts";
import { range } from "../testing/toy.ts";
import { Losses } from "./losses.ts";
import { policies } from "./policy.ts";

const options = { ...onHost, output: compiledOutput };
const udp = (n: number, first: number, more: Partial<RuleSpec> = {}): RuleSpec => {
  const rule = { n, direction: "ingress", protocol: 17, portMin: first, portMax: first } as const;
  return { ...rule, ...more };
};
const group = (n: number, rules: readonly RuleSpec[]): readonly RowChange[] => securityGroup({ n, rules });
const [A, B] = [1, 2];
/** In one group, whose identity has its number; or in none. */
const member = (n: number, of: number | undefined): readonly RowChange[] =>
  port({ n, network: 1, groups: of === undefined ? [] : [of], identity: of ?? 0 });
const common: State = [...host(), ...network({ n: 1 }), ...identity(A, [A]), ...identity(B, [B])];

test("a rule of a group that a thousand ports have is compiled once, and a port costs itself only", () => {
  const ports = range(1, 1000).flatMap((n) => member(n, A));
  const before = [...common, ...group(A, [udp(1, 53)]), ...group(B, []), ...ports, ...member(2000, B)];
  const cost = (change: readonly RowChange[]) => costOf<Compiled>(policies, before, change, options);
  assert.deepEqual(cost(group(A, [udp(1, 53), udp(2, 54)])), { unitsRun: 1, outputsChanged: 1 });
  // A list of the groups that it is in, and the port.
  assert.deepEqual(cost(member(7, B)), { unitsRun: 2, outputsChanged: 1 });
});

test("however a host came to where it is, the policies are those of a compile from scratch", () => {
  const toAddresses = udp(3, 55, { remoteAddressGroupId: addressGroupId(1) });
  checkApp<Compiled>(
    policies,
    [
      [...common, ...group(A, [udp(1, 53)]), ...group(B, []), ...member(11, A), ...member(12, A)],
      [...common, ...group(A, [toAddresses]), ...group(B, []), ...addressGroup(1, ["192.0.2.1"]), ...member(11, A)],
      [...common, ...group(A, [toAddresses]), ...group(B, []), ...addressGroup(1, []), ...member(11, A)],
      [...common, ...group(A, []), ...group(B, [udp(2, 54)]), ...member(11, B), ...member(12, undefined)],
      [...common, ...group(B, []), ...port({ n: 11, network: 1, portSecurity: false })],
    ],
    options,
  );
});

/** A host: takes rows, and says which ports have lost what by them: destination ports of UDP. */
function openHost(): (rows: readonly RowChange[]) => Readonly<Record<string, number[]>> {
  const engine = new Engine<Compiled>({ apps: [policies], output: compiledOutput, roots: options.roots });
  const losses = new Losses();
  return (rows) => {
    const topics = new Set(rows.map(({ partition }) => partition).filter((partition) => partition !== LOCAL));
    const delta = engine.apply(
      rows,
      [...topics].map((partition) => ({ partition, state: "current" as const })),
    );
    const lost = losses.changed(dispatch(delta).recheck);
    const said = Array.from(lost, ([id, gone]) => [
      id,
      gone.map(({ text }) => Number(/portMin",(\d+)/.exec(text)?.[1])),
    ]);
    return Object.fromEntries(said);
  };
}
const [ONE, OTHER, THIRD] = [11, 12, 13].map(portId) as [string, string, string];

test("what is lost is what is not allowed any more, whichever rule said so, by all ports of the group", () => {
  const change = openHost();
  const ports = [...member(11, A), ...member(12, A), ...member(13, B)];
  assert.deepEqual(change([...common, ...group(A, [udp(1, 1), udp(2, 2)]), ...group(B, []), ...ports]), {});
  assert.deepEqual(change(group(A, [udp(3, 2), udp(4, 1)])), {}, "other rules that say the same");
  assert.deepEqual(change(group(A, [udp(3, 2), udp(4, 1), udp(5, 3)])), {});
  assert.deepEqual(change(group(A, [udp(5, 3)])), { [ONE]: [2, 1], [OTHER]: [2, 1] });
  assert.deepEqual(change([...group(A, [udp(1, 1)]), ...group(B, [udp(5, 3)]), ...member(12, B)]), { [ONE]: [3] });
  assert.deepEqual(change(member(13, undefined)), { [THIRD]: [3] });
  assert.deepEqual(change([...group(A, []), ...member(11, undefined)]), { [ONE]: [1] });
});

test("a port that gets another group has lost nothing until that group is known, and all of it then", () => {
  const change = openHost();
  change([...host(), ...network({ n: 1 }), ...group(A, [udp(1, 1), udp(2, 2)]), ...member(11, A)]);
  assert.deepEqual(change(member(11, B)), {});
  assert.deepEqual(change(group(B, [udp(3, 2)])), { [ONE]: [1] });
});

test("a port that comes back has lost nothing", () => {
  const change = openHost();
  change([...common, ...group(A, [udp(1, 1)]), ...member(11, A)]);
  assert.deepEqual(change(member(11, A).map((row) => ({ ...row, row: undefined }))), {});
  assert.deepEqual(change([...group(A, []), ...member(11, A)]), {});
});
