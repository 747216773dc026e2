import { createHash } from "node:crypto";
import { namedUuid, type Operation, openVSwitch, operations, type OvsdbClient, type Uuid } from "@dragonflow/ovsdb";
import type { DesiredTunnel } from "@dragonflow/pipeline";
import { type BridgeReplica, findBridge } from "../facts/bridge.ts";
import { TUNNEL_CHASSIS_KEY, TUNNEL_TYPE_KEY } from "../facts/facts.ts";

const ops = operations(openVSwitch);

/** A port that is ours: what it is, in a form that two can be compared in. */
interface TunnelPort {
  readonly name: string;
  readonly type: string;
  readonly options: Readonly<Record<string, string>>;
  readonly chassis: string;
}

/** On the port stands what its interface was made with: one that differs is made anew. */
const OPTIONS_KEY = "dragonflow-options";
const optionsText = ({ options }: Pick<TunnelPort, "options">): string =>
  `${options["local_ip"]}>${options["remote_ip"]}`;

function desiredPort({ chassis, encapsulation, remoteIp, localIp }: DesiredTunnel): TunnelPort {
  // Names of network devices end at 15 characters; the hash keeps those of long chassis names apart, and is the same on every start.
  const hash = createHash("sha256").update(`${encapsulation} ${chassis}`).digest("hex").slice(0, 10);
  return {
    name: `df-${hash}`,
    type: encapsulation,
    options: { remote_ip: remoteIp, local_ip: localIp, key: "flow" },
    chassis,
  };
}

/**
 * Keeps the tunnel ports of one bridge equal to what is desired. Only ports that carry our mark are ours: others, of the same kind and to the same
 * peers, are not touched.
 */
export class TunnelPorts {
  readonly #ovs: OvsdbClient;
  readonly #bridge: string;
  readonly #failed: (error: Error) => void;
  #desired: ReadonlyMap<string, DesiredTunnel> = new Map();
  #replica: BridgeReplica | undefined;
  #busy = false;
  #again = false;

  constructor(ovs: OvsdbClient, bridge: string, failed: (error: Error) => void) {
    this.#ovs = ovs;
    this.#bridge = bridge;
    this.#failed = failed;
  }

  /** Declares all tunnels that shall be. */
  want(desired: ReadonlyMap<string, DesiredTunnel>): void {
    this.#desired = new Map(desired);
    this.#reconcile();
  }

  /** The local database has changed, or is there again. */
  seen(replica: BridgeReplica): void {
    this.#replica = replica;
    this.#reconcile();
  }

  #reconcile(): void {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    const replica = this.#replica;
    if (replica === undefined || !replica.synced) return;
    const operationsToSend = this.#difference(replica);
    if (operationsToSend.length === 0) return;
    this.#busy = true;
    this.#ovs
      .transact(openVSwitch, operationsToSend)
      .catch((error: unknown) => this.#failed(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        this.#busy = false;
        if (!this.#again) return;
        this.#again = false;
        this.#reconcile();
      });
  }

  #difference(replica: BridgeReplica): readonly Operation<unknown>[] {
    const bridge = findBridge(replica, this.#bridge);
    if (bridge === undefined) return [];
    const desired = new Map(
      [...this.#desired.values()].map((tunnel) => [desiredPort(tunnel).name, desiredPort(tunnel)]),
    );
    const result: Operation<unknown>[] = [];
    for (const uuid of bridge.ports) {
      const port = replica.rows("Port").get(uuid);
      if (port === undefined || !port.external_ids.has(TUNNEL_CHASSIS_KEY)) continue;
      const wanted = desired.get(port.name);
      if (wanted !== undefined && port.external_ids.get(OPTIONS_KEY) === optionsText(wanted)) desired.delete(port.name);
      // A row that nobody refers to is deleted by the database itself.
      else result.push(ops.mutate("Bridge", [["_uuid", "==", bridge.uuid]], [["ports", "delete", [uuid]]]));
    }
    return [...result, ...[...desired.values()].flatMap((port, i) => insertPort(bridge.uuid, port, i))];
  }
}

function insertPort(
  bridge: Uuid,
  { name, type, options, chassis }: TunnelPort,
  n: number,
): readonly Operation<unknown>[] {
  const [asInterface, asPort] = [namedUuid(`i${n}`), namedUuid(`p${n}`)];
  const mark = { [TUNNEL_CHASSIS_KEY]: chassis, [TUNNEL_TYPE_KEY]: type };
  return [
    ops.insert("Interface", { name, type, options, external_ids: mark }, { as: asInterface }),
    ops.insert(
      "Port",
      { name, interfaces: [asInterface], external_ids: { ...mark, [OPTIONS_KEY]: optionsText({ options }) } },
      { as: asPort },
    ),
    ops.mutate("Bridge", [["_uuid", "==", bridge]], [["ports", "insert", [asPort]]]),
  ];
}
