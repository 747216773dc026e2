import { endpointTopic } from "@dragonflow/model";
import {
  carried,
  type Connection,
  connectionArguments,
  endpoints,
  PIPELINE_COOKIE,
  readCookie,
  type Trace,
} from "@dragonflow/pipeline";
import { fieldsOf, type Leg } from "./follow.ts";
import type { World } from "./world.ts";

/** A real switch beside the tracer. */
export interface SwitchCheck {
  readonly chassis: string;
  readonly agrees: boolean;
  /** Tables that both went through; where they part, what each met there. */
  readonly detail: string;
}

/** What the switch of a host is asked, as parameters of the controller's `/trace`: the packet as it comes to that host. */
export async function switchQuestion(world: World, leg: Leg, connection: Connection): Promise<URLSearchParams> {
  const { entry, frame, host } = leg;
  const query = new URLSearchParams({ in_port: String(entry.inPort), frame: Buffer.from(frame).toString("hex") });
  query.set("state", connection.state);
  query.set("mark", String(connection.mark ?? 0));
  if (entry.type === "port") return query;
  const ends = [entry.chassis, host.chassis];
  await world.load(ends.map(endpointTopic));
  const [src = "", dst = ""] = ends.map((chassis) => world.row(endpoints, endpointTopic(chassis), chassis)?.ip ?? "");
  const tunnel = { tun_id: String(entry.vni), tun_src: src, tun_dst: dst, identity: String(entry.identity) };
  for (const [name, value] of Object.entries(tunnel)) query.set(name, value);
  return query;
}

/**
 * Whether the switch went the tracer's way: the same flows, by table, priority and cookie. The tracer goes it once more, with no more of the connection
 * than `ofproto/trace` can be told: its state, but behind the first zone neither mark nor original ports. Copies of a flood have no order.
 * @param text what `ofproto/trace` answered.
 */
export function compareWithSwitch(leg: Leg, connection: Connection, text: string): SwitchCheck {
  const { host, entry, frame } = leg;
  const { fields } = connectionArguments(frame, connection);
  const trace = host.tracer.trace({
    inPort: entry.inPort,
    frame,
    fields: { ...fieldsOf(entry), ...fields },
    conntrack: carried(connection),
  });
  const isFlood = trace.steps.some(({ type }) => type === "bucket");
  const ordered = (met: readonly string[]): readonly string[] => (isFlood ? met.toSorted() : met);
  const [ours, theirs] = [ordered(lookupsOf(trace)), ordered(readLookups(text))];
  const at = ours.findIndex((lookup, i) => lookup !== theirs[i]);
  const agrees = at < 0 && ours.length === theirs.length;
  if (agrees) return { chassis: host.chassis, agrees, detail: `${ours.length} tables` };
  const place = at < 0 ? ours.length : at;
  const named = (lookup: string | undefined): string => {
    if (lookup === undefined) return "nothing more";
    const [table = "", ...rest] = lookup.split(" ");
    return `table ${host.bound.tableName(Number(table)) ?? table}, ${rest.join(" ")}`;
  };
  return {
    chassis: host.chassis,
    agrees,
    detail: `the tracer met ${named(ours[place])}; the switch ${named(theirs[place])}`,
  };
}

function lookupsOf({ steps }: Trace): readonly string[] {
  return steps.flatMap((step) => {
    if (step.type !== "lookup") return [];
    if (step.flow === undefined) return [`${step.table} no flow`];
    const { priority, cookie } = step.flow;
    return [`${step.table} priority ${priority} cookie 0x${cookie.toString(16)}`];
  });
}

/** The flows of ours that `ofproto/trace` says it met: it goes on through the bridge that carries the tunnels, and tells of that in between. */
function readLookups(text: string): readonly string[] {
  const lines = text.matchAll(/^ *(\d+)\. (?:\S*, )?priority (\d+), cookie (0x[0-9a-f]+)/gm);
  return Array.from(lines, ([, table, priority, cookie = "0"]) => ({ table, priority, cookie }))
    .filter(({ cookie }) => BigInt(cookie) === PIPELINE_COOKIE || readCookie(BigInt(cookie)) !== undefined)
    .map(({ table, priority, cookie }) => `${table} priority ${priority} cookie ${cookie}`);
}
