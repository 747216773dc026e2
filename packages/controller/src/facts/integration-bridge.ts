import { namedUuid, type Operation, openVSwitch, operations, type OvsdbClient } from "@dragonflow/ovsdb";
import type { Pipeline } from "@dragonflow/pipeline";
import { type BridgeReplica, findBridge } from "./bridge.ts";

const ops = operations(openVSwitch);

/**
 * Sees to it that the integration bridge is there (an existing one stays as it is), and that its tables carry their names, so that
 * `ovs-ofctl --names dump-flows` reads like the pipeline. @returns whether the bridge is there.
 */
export function ensureBridge(
  ovs: OvsdbClient,
  replica: BridgeReplica,
  name: string,
  pipeline: Pipeline,
  failed: (error: Error) => void,
): boolean {
  const bridge = findBridge(replica, name);
  const wanted = bridge === undefined ? create(replica, name) : nameTables(replica, name, pipeline);
  if (wanted.length > 0) {
    ovs
      .transact(openVSwitch, wanted)
      .catch((error: unknown) => failed(error instanceof Error ? error : new Error(String(error))));
  }
  return bridge !== undefined;
}

function create(replica: BridgeReplica, name: string): readonly Operation<unknown>[] {
  const [root] = replica.rows("Open_vSwitch").keys();
  if (root === undefined) return [];
  const [asInterface, asPort, asBridge] = [namedUuid("i"), namedUuid("p"), namedUuid("b")];
  return [
    ops.insert("Interface", { name, type: "internal" }, { as: asInterface }),
    ops.insert("Port", { name, interfaces: [asInterface] }, { as: asPort }),
    ops.insert(
      "Bridge",
      { name, ports: [asPort], fail_mode: "secure", protocols: ["OpenFlow13", "OpenFlow14", "OpenFlow15"] },
      { as: asBridge },
    ),
    ops.mutate("Open_vSwitch", [["_uuid", "==", root]], [["bridges", "insert", [asBridge]]]),
  ];
}

function nameTables(replica: BridgeReplica, name: string, pipeline: Pipeline): readonly Operation<unknown>[] {
  const row = [...replica.rows("Bridge").values()].find((bridge) => bridge.name === name);
  if (row === undefined) return [];
  const names = [...row.flow_tables].map(
    ([number, uuid]) => [number, replica.rows("Flow_Table").get(uuid)?.name ?? null] as const,
  );
  const there = new Map(names);
  if (
    pipeline.tables.length === there.size &&
    pipeline.tables.every((table, number) => there.get(number) === table.name)
  )
    return [];
  const labels = pipeline.tables.map((_, number) => namedUuid(`t${number}`));
  return [
    ...pipeline.tables.map((table, number) =>
      ops.insert("Flow_Table", { name: table.name }, { as: labels[number] ?? namedUuid(`t${number}`) }),
    ),
    ops.update("Bridge", [["name", "==", name]], {
      flow_tables: new Map(labels.map((label, number) => [number, label])),
    }),
  ];
}
