/** Names of tables and ports, against `ovs-ofctl --names dump-flows` of a real Open vSwitch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./socket.ts";
import { startSwitch } from "./testing/switch.ts";
import { type Names, parseFlow, printFlow } from "./text/index.ts";

test("flows with names of tables and ports are printed as ovs-ofctl prints them, and read back", async () => {
  const tables = new Map([
    [0, "classify"],
    [5, "port_security"],
    [6, "l2"],
  ]);
  const ports = new Map([
    [1, "p1"],
    [2, "tap-2"],
  ]);
  const names: Names = { tableName: (table) => tables.get(table), portName: (port) => ports.get(port) };
  const find = (map: ReadonlyMap<number, string>) => (wanted: string) =>
    [...map].find(([, name]) => name === wanted)?.[0];
  const numbers = { tableNumber: find(tables), portNumber: find(ports) };

  await using ovs = await startSwitch();
  for (const [port, name] of ports) {
    const options = ["type=internal", `ofport_request=${port}`];
    await ovs.vsctl("add-port", "br-int", name, "--", "set", "interface", name, ...options);
  }
  for (const [table, name] of tables) {
    const row = ["--id=@t", "create", "flow_table", `name=${name}`, "--"];
    await ovs.vsctl("--", ...row, "set", "bridge", "br-int", `flow_tables:${table}=@t`);
  }
  const texts = [
    "actions=resubmit(,5)",
    "table=5,priority=7,ip,in_port=2,actions=output:1,ct(table=6,zone=1,nat),goto_table:6",
    "table=5,priority=8,ip,in_port=LOCAL,actions=ct(table=7),learn(table=5,in_port=1,output:NXM_OF_IN_PORT[]),resubmit(2,6)",
    "table=7,actions=output(port=2,max_len=100),bundle(eth_src,0,hrw,ofport,members:1,2),2",
  ];
  const socket = await connect(ovs.bridge);
  try {
    const flows = texts.map((text) => parseFlow(text));
    assert.deepEqual(await socket.apply(flows.map((flow) => ({ type: "flow_mod", command: "add", ...flow }))), []);
    const { entries } = await socket.request({ type: "flow_desc_request", match: {} });
    const dump = await ovs.ofctl("--names", "dump-flows", "--no-stats", ovs.bridge);
    const lines = dump.split("\n").filter((line) => line !== "");
    assert.deepEqual(
      entries.map((flow) => ` ${printFlow(flow, names)}`),
      lines,
    );
    for (const line of lines) assert.equal(` ${printFlow(parseFlow(line, numbers), names)}`, line);
  } finally {
    socket.close();
  }
});
