import { DROPS } from "@dragonflow/app-security-group";
import type { FlowDesc } from "@dragonflow/openflow";
import {
  APP_NUMBERS,
  CT_STATE,
  type DesiredFlow,
  type InterfaceFact,
  type Pipeline,
  PIPELINE_COOKIE,
} from "@dragonflow/pipeline";
import { keyOf } from "../switch/canonical.ts";
import type { SwitchDriver } from "../switch/driver.ts";

interface Traffic {
  readonly packets: number;
  readonly bytes: number;
}
/** What `dragonflow sg stats` shows: counted by the switch, since the flow or the port was put in. */
export interface Statistics {
  /** Of a rule of a stateful group: the connections that began by it; null: a stateless group's has none, and counts packets. */
  readonly rules: readonly { readonly id: string; readonly connections: number | null; readonly packets: number }[];
  /** As the VM sees it. `connections` that began at the port, in both directions; null: it has none, or does not track them. */
  readonly ports: readonly {
    readonly id: string;
    readonly connections: number | null;
    readonly sent: Traffic;
    readonly received: Traffic;
  }[];
  /** Why packets ended; `port` where the flow that ended them is of one port. Reasons that ended none are left out. */
  readonly drops: readonly {
    readonly reason: string;
    readonly table: string;
    readonly port: string | null;
    readonly packets: number;
  }[];
}

const APP_BITS = 0xff00000000000000n;
const ALL_BITS = 0xffffffffffffffffn;
const RULE = "security-group-rule";

/**
 * Asks the switch: of flows those of the security groups, those of apps that have flows which drop, and the misses of all tables, so that a host with
 * many other flows is not read as a whole. Of a protocol that acknowledges nothing each packet up to the first answer counts as a connection, because
 * that is how long it is a new one.
 * @throws {ConnectionError} the switch is away.
 */
export async function readStatistics(
  driver: SwitchDriver,
  pipeline: Pipeline,
  interfaces: ReadonlyMap<string, InterfaceFact>,
): Promise<Statistics> {
  const apps = new Set([BigInt(APP_NUMBERS["security-group"]) << 56n]);
  for (const wanted of driver.desired().values())
    if (wanted.type === "flow" && wanted.steps.length === 0) apps.add(wanted.cookie & APP_BITS);
  const flowsOf = (cookie: bigint, cookieMask: bigint) =>
    driver.request({ type: "flow_desc_request", cookie, cookieMask, match: {} });
  const [ports, misses, ...ofApps] = await Promise.all([
    driver.request({ type: "port_stats_request" }),
    flowsOf(PIPELINE_COOKIE, ALL_BITS),
    ...Array.from(apps, (app) => flowsOf(app, APP_BITS)),
  ]);
  const flows = ofApps.flatMap(({ entries }) => entries);
  const began = beginningsOf(flows, driver, pipeline);
  const byNumber = new Map(ports.entries.map((entry) => [entry.port, entry]));
  return {
    rules: rulesOf(flows, driver, pipeline),
    ports: Array.from(interfaces.values()).flatMap(({ id, ofport }) => {
      const counted = byNumber.get(ofport);
      if (counted === undefined) return [];
      const { rxPackets, rxBytes, txPackets, txBytes } = counted;
      const connections = began.get(id) ?? null;
      return [{ id, connections, sent: traffic(rxPackets, rxBytes), received: traffic(txPackets, txBytes) }];
    }),
    drops: dropsOf([...flows, ...misses.entries], driver, pipeline),
  };
}

const traffic = (packets: bigint, bytes: bigint): Traffic => ({ packets: Number(packets), bytes: Number(bytes) });
const packetsOf = ({ stats }: FlowDesc): number => Number(stats.packets ?? 0n);

function desiredOf(flow: FlowDesc, driver: SwitchDriver, pipeline: Pipeline): DesiredFlow | undefined {
  const key = keyOf(flow, pipeline);
  const wanted = key === undefined ? undefined : driver.desired().get(key);
  return wanted?.type === "flow" ? wanted : undefined;
}

/** A rule's flows that accept are those without clauses; of a stateful group's, one is for packets that begin a connection. */
function rulesOf(flows: readonly FlowDesc[], driver: SwitchDriver, pipeline: Pipeline): Statistics["rules"] {
  const rules = new Map<string, { connections: number | null; packets: number }>();
  for (const flow of flows) {
    const { owner } = desiredOf(flow, driver, pipeline) ?? {};
    const isClause = flow.instructions.apply?.some(({ type }) => type === "conjunction") === true;
    if (owner?.kind !== RULE || isClause) continue;
    const counted = rules.get(owner.id) ?? { connections: null, packets: 0 };
    const packets = packetsOf(flow);
    counted.packets += packets;
    if (beginsConnection(flow)) counted.connections = (counted.connections ?? 0) + packets;
    rules.set(owner.id, counted);
  }
  return [...rules].map(([id, counted]) => ({ id, ...counted })).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** By port: the connections that were allowed, by the flows that keep them. */
function beginningsOf(flows: readonly FlowDesc[], driver: SwitchDriver, pipeline: Pipeline) {
  const began = new Map<string, number>();
  for (const flow of flows) {
    const { owner } = desiredOf(flow, driver, pipeline) ?? {};
    if (owner?.kind === "port" && beginsConnection(flow))
      began.set(owner.id, (began.get(owner.id) ?? 0) + packetsOf(flow));
  }
  return began;
}

function beginsConnection({ match }: FlowDesc): boolean {
  const { ct_state: state } = match;
  return typeof state === "object" && (Number(state.value) & CT_STATE.new) !== 0;
}

function dropsOf(flows: readonly FlowDesc[], driver: SwitchDriver, pipeline: Pipeline): Statistics["drops"] {
  const reasons = new Map(DROPS.map(({ table, priority, reason }) => [`${table} ${priority}`, reason]));
  const drops = new Map<string, Statistics["drops"][number]>();
  for (const flow of flows) {
    const table = pipeline.tables[flow.table];
    const packets = packetsOf(flow);
    if (table === undefined || packets === 0) continue;
    const isDrop = Object.keys(flow.instructions).length === 0;
    const reason =
      reasons.get(`${table.name} ${flow.priority}`) ??
      (isDrop ? `table ${table.name} lets it go no further: ${table.purpose}` : undefined);
    const owner = desiredOf(flow, driver, pipeline)?.owner;
    // What ends there was made by the controller itself (see `Recheck`).
    if (reason === undefined || owner?.app === "classification") continue;
    const port = owner?.kind === "port" ? owner.id : null;
    const key = JSON.stringify([table.name, reason, port]);
    drops.set(key, { reason, table: table.name, port, packets: packets + (drops.get(key)?.packets ?? 0) });
  }
  return [...drops.values()];
}
