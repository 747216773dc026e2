import { createHash } from "node:crypto";
import { namedUuid, type Operation, type Uuid } from "@dragonflow/ovsdb";
import type { DesiredTunnel } from "@dragonflow/pipeline";
import { type BridgeRow, type LocalReplica, ops } from "./bridge.ts";
import { TUNNEL_CHASSIS_KEY, TUNNEL_TYPE_KEY } from "./facts.ts";

/** A port that shall be: its name, and the columns of its interface that are ours to say. */
interface TunnelPort {
  readonly name: string;
  readonly type: string;
  readonly options: Readonly<Record<string, string>>;
  /** On the port and on its interface: who carries it is ours. */
  readonly mark: Readonly<Record<string, string>>;
}

/** Names of network devices end at 15 characters; the hash keeps those of long chassis names apart, and is the same on every start. */
function nameOf({ encapsulation, chassis }: DesiredTunnel): string {
  return `df-${createHash("sha256").update(`${encapsulation} ${chassis}`).digest("hex").slice(0, 10)}`;
}

/**
 * The tunnel ports that shall be on a bridge. Only ports that carry our mark are ours: others, of the same kind and to the same peers, are not
 * touched.
 */
export class TunnelPorts {
  readonly #desired = new Map<string, TunnelPort>();
  /** Names that somebody else has. */
  readonly taken = new Set<string>();

  /** Declares what has changed; undefined takes a key back. */
  want(changes: Iterable<readonly [string, DesiredTunnel | undefined]>): void {
    for (const [key, tunnel] of changes) {
      if (tunnel === undefined) {
        this.#desired.delete(key);
        continue;
      }
      const { chassis, encapsulation, remoteIp, localIp } = tunnel;
      this.#desired.set(key, {
        name: nameOf(tunnel),
        type: encapsulation,
        options: { remote_ip: remoteIp, local_ip: localIp, key: "flow" },
        mark: { [TUNNEL_CHASSIS_KEY]: chassis, [TUNNEL_TYPE_KEY]: encapsulation },
      });
    }
  }

  /** From what is there to what is desired. */
  operations(replica: LocalReplica, bridge: BridgeRow): readonly Operation<unknown>[] {
    const missing = new Map([...this.#desired.values()].map((port) => [port.name, port]));
    const result: Operation<unknown>[] = [];
    for (const uuid of bridge.ports) {
      const port = replica.rows("Port").get(uuid);
      if (port === undefined || !port.external_ids.has(TUNNEL_CHASSIS_KEY)) continue;
      const wanted = missing.get(port.name);
      missing.delete(port.name);
      if (wanted !== undefined) result.push(...updates(replica, port.interfaces, wanted));
      // A row that nobody refers to is deleted by the database itself.
      else result.push(ops.mutate("Bridge", [["_uuid", "==", bridge.uuid]], [["ports", "delete", [uuid]]]));
    }
    this.taken.clear();
    if (missing.size > 0) {
      for (const { name } of replica.rows("Port").values()) if (missing.delete(name)) this.taken.add(name);
    }
    let n = 0;
    for (const port of missing.values()) result.push(...inserts(bridge.uuid, port, n++));
    return result;
  }
}

/** What others set there (a type of service, say) stays. */
function updates(
  replica: LocalReplica,
  interfaces: Iterable<Uuid>,
  { type, options, mark }: TunnelPort,
): readonly Operation<unknown>[] {
  const result: Operation<unknown>[] = [];
  for (const uuid of interfaces) {
    const row = replica.rows("Interface").get(uuid);
    if (row === undefined) continue;
    const isSame = row.type === type && contains(row.options, options) && contains(row.external_ids, mark);
    if (isSame) continue;
    const columns = { type, options: merged(row.options, options), external_ids: merged(row.external_ids, mark) };
    result.push(ops.update("Interface", [["_uuid", "==", uuid]], columns));
  }
  return result;
}

function contains(map: ReadonlyMap<string, string>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => map.get(key) === value);
}
function merged(map: ReadonlyMap<string, string>, wanted: Readonly<Record<string, string>>): Map<string, string> {
  return new Map([...map, ...Object.entries(wanted)]);
}

function inserts(bridge: Uuid, { name, type, options, mark }: TunnelPort, n: number): readonly Operation<unknown>[] {
  const [asInterface, asPort] = [namedUuid(`i${n}`), namedUuid(`p${n}`)];
  return [
    ops.insert("Interface", { name, type, options, external_ids: mark }, { as: asInterface }),
    ops.insert("Port", { name, interfaces: [asInterface], external_ids: mark }, { as: asPort }),
    ops.mutate("Bridge", [["_uuid", "==", bridge]], [["ports", "insert", [asPort]]]),
  ];
}
