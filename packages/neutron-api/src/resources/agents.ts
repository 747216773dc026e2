import type { Attributes } from "../core/attribute.ts";
import type { AgentObject } from "../core/kinds.ts";
import { given, type Resource } from "../core/resource.ts";
import { boolean, textOrNull } from "../core/types.ts";
import { agentAlive, agentNotFound } from "../errors.ts";

/** Agents' times have a form of their own: no zone, no T. */
const agentTime = (rfc3339: string) => rfc3339.slice(0, 19).replace("T", " ");

const attributes = {
  id: { filter: true },
  agent_type: { filter: true, value: () => "Open vSwitch agent" },
  binary: { filter: true, value: () => "dragonflow-controller" },
  topic: { filter: true, value: () => "N/A" },
  host: { filter: true },
  admin_state_up: { type: boolean, put: true, filter: true },
  created_at: { value: (a) => agentTime(a.created_at) },
  started_at: { value: (a) => agentTime(a.started_at) },
  // Who holds a lease is alive now; who lost it was alive until then.
  heartbeat_timestamp: { value: (a) => agentTime(a.alive ? new Date().toISOString() : a.seen_at) },
  alive: { type: boolean, filter: true },
  configurations: {
    value: (a) => ({
      hostname: a.hostname,
      tunneling_ip: a.tunnel_ip,
      tunnel_types: a.encapsulations,
      bridge_mappings: mappings(a.bridge_mappings),
      release: a.release,
    }),
  },
  description: { type: textOrNull(255), put: true, filter: true },
  availability_zone: { filter: true, value: (_, reader) => reader.config.availabilityZones[0] ?? null },
} as const satisfies Attributes<AgentObject>;

/** `physnet:bridge` pairs as an object. */
function mappings(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(pairs.map((pair) => [pair.split(":", 1)[0] ?? pair, pair.slice(pair.indexOf(":") + 1)]));
}

/** The chassis. They report themselves; people may describe them, and remove those that are gone. */
export const agents: Resource<AgentObject, typeof attributes> = {
  name: "agent",
  collection: "agents",
  attributes,
  table: (state) => state.agents,
  tableIn: (tx) => tx.agents,
  notFound: agentNotFound,
  bulk: false,

  update(tx, agent, values) {
    const { admin_state_up, description } = values;
    return tx.agents.put({ ...agent, ...given({ admin_state_up, description }) });
  },

  remove(tx, agent) {
    if (agent.alive) throw agentAlive(agent.id);
    tx.agents.delete(agent.id);
  },
};
