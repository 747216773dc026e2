import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PLAIN } from "../screen/palette.ts";
import { filterFlows, flowLines } from "./flow-list.ts";
import type { Flow } from "./socket.ts";

const flow = (table: string, app: string, kind: string, id: string, rest: Partial<Flow> = {}): Flow => ({
  table,
  priority: 100,
  match: "ip",
  actions: "output:1",
  owner: { app, kind, id },
  refused: null,
  ...rest,
});
const flows = [
  flow("l2", "l2", "port", "p-10"),
  flow("classify", "classification", "port", "p-2", { match: "in_port=2", actions: "goto_table:l2" }),
  flow("l2", "l2", "port", "p-2", { priority: 5, match: "", actions: "" }),
  flow("l2", "l2", "port", "p-2", { refused: "OFPBAC_BAD_OUT_PORT" }),
  flow("l2", "l2", "network", "n-1"),
  flow("route", "l3", "router-port", "p-3"),
];
const names = new Map([
  ["p-2", "vm2"],
  ["p-10", "vm10"],
  ["n-1", "blue\x1b[31m"],
]);

describe("the list of flows", () => {
  test("is ordered by object, and within an object as packets meet the flows", () => {
    assert.deepEqual(flowLines("host1", flows, names, ["classify", "l2"], PLAIN), [
      "host1  6 flows of 4 objects, 1 refused by the switch",
      "",
      "network blue n-1  l2",
      "  l2          100  ip → output:1",
      "",
      "port vm2 p-2  classification, l2",
      "  classify    100  in_port=2 → goto_table:l2",
      "  l2          100  ip → output:1",
      "            refused: OFPBAC_BAD_OUT_PORT",
      "  l2            5  * → drop",
      "",
      "port vm10 p-10  l2",
      "  l2          100  ip → output:1",
      "",
      "router-port p-3  l3",
      "  route       100  ip → output:1",
    ]);
    assert.deepEqual(flowLines("", [], names, [], PLAIN), ["this host  0 flows of 0 objects"]);
  });

  test("is narrowed by port, by its id or its name, and by application", () => {
    const found = (filter: { port?: string; app?: string }) =>
      filterFlows(flows, filter, names).map(({ owner }) => `${owner.app} ${owner.id}`);
    assert.deepEqual(found({ port: "vm10" }), ["l2 p-10"]);
    assert.deepEqual(found({ port: "p-3" }), ["l3 p-3"]);
    assert.deepEqual(found({ port: "p-2", app: "classification" }), ["classification p-2"]);
    assert.deepEqual(found({ app: "l3" }), ["l3 p-3"]);
    assert.deepEqual(found({ port: "n-1", app: "dhcp" }), []);
    assert.equal(found({}).length, flows.length);
  });
});
