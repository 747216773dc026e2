import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conflict, Fault } from "@dragonflow/engine";
import { portStatus } from "@dragonflow/pipeline";
import type { Refusal, Wanted } from "../switch/plan.ts";
import { ownerOf, toyFlow } from "../testing/toy.ts";
import { portErrors } from "./port-errors.ts";
import { PortStates } from "./port-states.ts";

const NONE: ReadonlySet<string> = new Set();
const HOLDER = { ofport: 1, mac: "fa:16:3e:00:00:01", ips: ["10.0.0.1"] };
function states() {
  const ports = new PortStates("host1");
  /** Port -> up, with its error. */
  const shown = (errors: Readonly<Record<string, string>> = {}): object =>
    Object.fromEntries(
      ports.records(new Map(Object.entries(errors))).map(({ fields }) => {
        assert.ok("up" in fields && "error" in fields && "chassis" in fields);
        assert.equal(fields.chassis, "host1");
        return [fields.id, fields.error ?? fields.up];
      }),
    );
  return { ports, shown };
}

test("a port is up once the switch has done the change that its flows came with", () => {
  const { ports, shown } = states();
  ports.compiled([["a", portStatus("a", HOLDER)]], 5, NONE);
  assert.deepEqual(shown(), { a: false });
  ports.applied(4);
  assert.deepEqual(shown(), { a: false });
  ports.applied(5);
  assert.deepEqual(shown(), { a: true });
  // Others come: nothing changes for it.
  ports.compiled([["b", portStatus("b", undefined)]], 6, NONE);
  assert.deepEqual(shown(), { a: true, b: false });
  ports.compiled([["a", undefined]], 7, NONE);
  assert.deepEqual(shown(), { b: false });
});

test("it waits for all of its flows, also for those whose topics come later; then it stays up", () => {
  const { ports, shown } = states();
  ports.compiled([["a", portStatus("a", HOLDER)]], 1, new Set(["a"]));
  ports.applied(1);
  assert.deepEqual(shown(), { a: false });
  ports.compiled([], 2, new Set(["a"]));
  ports.applied(2);
  assert.deepEqual(shown(), { a: false });
  ports.compiled([], 3, NONE);
  assert.deepEqual(shown(), { a: false });
  ports.applied(3);
  assert.deepEqual(shown(), { a: true });
  // A router comes to its network: that is something new, and not an end of what there was.
  ports.compiled([], 4, new Set(["a"]));
  assert.deepEqual(shown(), { a: true });
});

test("other addresses change nothing about a port that is up; another interface does", () => {
  const { ports, shown } = states();
  ports.compiled([["a", portStatus("a", HOLDER)]], 1, NONE);
  ports.applied(1);
  const elsewhere = { ...HOLDER, ips: ["10.0.0.2"] };
  ports.compiled([["a", portStatus("a", elsewhere)]], 2, NONE);
  assert.deepEqual(shown(), { a: true });
  assert.deepEqual(ports.holderOf("a"), elsewhere);
  ports.compiled([["a", portStatus("a", { ...HOLDER, ofport: 2 })]], 3, NONE);
  assert.deepEqual(shown(), { a: false });
});

test("a port that shall be down is down, one with an error as well, in words", () => {
  const { ports, shown } = states();
  ports.compiled(
    [
      ["a", portStatus("a", HOLDER)],
      ["b", portStatus("b", undefined)],
    ],
    1,
    NONE,
  );
  ports.applied(1);
  assert.deepEqual(shown({ a: "no" }), { a: "no", b: false });
  assert.deepEqual(shown(), { a: true, b: false });
});

test("what is amiss with a port: refused flows, faults, conflicts; and nothing once it is gone", () => {
  const flow = toyFlow(1);
  const wanted = new Map<string, Wanted>([[flow.key, flow]]);
  const refused = new Map<string, Refusal>([
    [flow.key, { code: "OFPFMFC_TABLE_FULL", message: "" }],
    ["of nobody any more", { code: "OFPFMFC_TABLE_FULL", message: "" }],
  ]);
  const at = { app: "nd", table: "local-port", partition: "" };
  const faults: readonly Fault[] = [{ owner: { ...at, id: "f" }, error: new TypeError("a bug") }];
  const conflicts: readonly Conflict[] = [{ key: "first \u0001\u0002", view: undefined, owners: [{ ...at, id: "c" }] }];
  assert.deepEqual(
    portErrors({ wanted, refused, faults, conflicts }),
    new Map([
      ["c", "nd: another object claims the same: first"],
      ["f", "nd: a bug"],
      [ownerOf(1).id, "l2: the switch refused a flow of table first: OFPFMFC_TABLE_FULL"],
    ]),
  );
  assert.equal(portErrors({ wanted, refused: new Map(), faults: [], conflicts: [] }).size, 0);
});
