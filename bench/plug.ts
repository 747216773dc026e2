import { namedUuid, openVSwitch, operations, type OvsdbClient } from "@dragonflow/ovsdb";

const ops = operations(openVSwitch);

/** What puts an interface for a port on br-int. @param type "internal" for one that needs no device */
export function plugging(name: string, portId: string, type = "") {
  const [i, p] = [namedUuid(`i${name}`), namedUuid(`p${name}`)];
  return [
    ops.insert("Interface", { name, type, external_ids: { "iface-id": portId } }, { as: i }),
    ops.insert("Port", { name, interfaces: [i] }, { as: p }),
    ops.mutate("Bridge", [["name", "==", "br-int"]], [["ports", "insert", [p]]]),
  ] as const;
}

/** Plugs interfaces without a device, in one transaction. @param ports names of interfaces, and the ids of their ports */
export async function plug(ovs: OvsdbClient, ports: readonly (readonly [string, string])[]): Promise<void> {
  await ovs.transact(
    openVSwitch,
    ports.flatMap(([name, id]) => plugging(name, id, "internal")),
  );
}

/** Takes them off again. */
export async function unplug(ovs: OvsdbClient, names: readonly string[]): Promise<void> {
  const found = await ovs.transact(
    openVSwitch,
    names.map((name) => ops.select("Port", [["name", "==", name]], ["name"])),
  );
  const ports = found.flatMap((rows) => rows.map((row) => row._uuid));
  await ovs.transact(openVSwitch, [ops.mutate("Bridge", [["name", "==", "br-int"]], [["ports", "delete", ports]])]);
}
