import { namedUuid, type Operation } from "@dragonflow/ovsdb";
import type { Pipeline } from "@dragonflow/pipeline";
import { findBridge, type LocalReplica, ops } from "./bridge.ts";

/** Marks a Flow_Table row as ours. */
const MARK = "dragonflow-table";

/**
 * What takes the local database to a bridge of that name whose tables carry the names of the pipeline, so that `ovs-ofctl --names dump-flows`
 * reads like it, and which drops what no flow is there for: as ovs-vsctl makes bridges, one without flows, as after a restart of vswitchd, carries
 * everything to everybody until ours are back. What else a bridge that exists has stays as it is; so does a table that somebody else has settings for.
 * Pure.
 */
export function bridgeOperations(
  replica: LocalReplica,
  name: string,
  pipeline: Pick<Pipeline, "tables">,
): readonly Operation<unknown>[] {
  const bridge = findBridge(replica, name);
  if (bridge === undefined) return create(replica, name);
  const operations: Operation<unknown>[] = [];
  if (bridge.fail_mode !== "secure")
    operations.push(ops.update("Bridge", [["_uuid", "==", bridge.uuid]], { fail_mode: "secure" }));
  const rows = replica.rows("Flow_Table");
  for (const [number, uuid] of bridge.flow_tables) {
    const row = rows.get(uuid);
    if (row === undefined || !row.external_ids.has(MARK)) continue;
    const wanted = pipeline.tables[number]?.name;
    const isOurs = [["_uuid", "==", uuid]] as const;
    if (wanted === undefined)
      operations.push(ops.mutate("Bridge", [["_uuid", "==", bridge.uuid]], [["flow_tables", "delete", [number]]]));
    else if (row.name !== wanted) operations.push(ops.update("Flow_Table", isOurs, { name: wanted }));
  }
  for (const [number, table] of pipeline.tables.entries()) {
    if (bridge.flow_tables.has(number)) continue;
    const as = namedUuid(`t${number}`);
    operations.push(
      ops.insert("Flow_Table", { name: table.name, external_ids: { [MARK]: table.name } }, { as }),
      ops.mutate("Bridge", [["_uuid", "==", bridge.uuid]], [["flow_tables", "insert", new Map([[number, as]])]]),
    );
  }
  return operations;
}

function create(replica: LocalReplica, name: string): readonly Operation<unknown>[] {
  const [first] = replica.rows("Open_vSwitch");
  if (first === undefined) return [];
  const [root, { datapath_types: datapaths }] = first;
  // The kernel's, where there is one.
  const datapath = datapaths.has("netdev") && !datapaths.has("system") ? { datapath_type: "netdev" } : {};
  const [asInterface, asPort, asBridge] = [namedUuid("i"), namedUuid("p"), namedUuid("b")];
  const protocols = ["OpenFlow13", "OpenFlow14", "OpenFlow15"] as const;
  return [
    ops.insert("Interface", { name, type: "internal" }, { as: asInterface }),
    ops.insert("Port", { name, interfaces: [asInterface] }, { as: asPort }),
    ops.insert("Bridge", { name, ports: [asPort], fail_mode: "secure", protocols, ...datapath }, { as: asBridge }),
    ops.mutate("Open_vSwitch", [["_uuid", "==", root]], [["bridges", "insert", [asBridge]]]),
  ];
}
