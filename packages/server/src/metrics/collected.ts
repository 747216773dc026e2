import type { Metrics } from "@dragonflow/metrics";
import type { Engine } from "@dragonflow/neutron-api";
import type { Relay } from "@dragonflow/store";
import type { Folding } from "../folding/folding.ts";
import type { SERVER_METRICS } from "./declared.ts";

/** Shown even where there is none. */
const PORT_STATUSES = ["ACTIVE", "DOWN", "BUILD", "ERROR"] as const;

interface Parts {
  readonly engine: Engine;
  readonly folding: Folding;
  readonly relay: Relay | undefined;
}

/** What is looked up when somebody asks. */
export function collectServer(metrics: Metrics<typeof SERVER_METRICS>, { engine, folding, relay }: Parts): void {
  metrics.collect(() => {
    const { state } = engine;
    const sizes = {
      networks: state.networks.size,
      subnets: state.subnets.size,
      ports: state.ports.size,
      routers: state.routers.size,
      security_groups: state.securityGroups.size,
      security_group_rules: state.securityGroupRules.size,
      address_groups: state.addressGroups.size,
      agents: state.agents.size,
    };
    for (const [resource, size] of Object.entries(sizes)) metrics.set("dragonflow_objects", size, { resource });
    const byStatus = new Map<string, number>(PORT_STATUSES.map((status) => [status, 0]));
    for (const { status } of state.ports.values()) byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    for (const [status, count] of byStatus) metrics.set("dragonflow_ports", count, { status });

    metrics.set("dragonflow_folding_leading", folding.state === "leading" ? 1 : 0);
    metrics.total("dragonflow_folded_total", folding.counts.ports, { what: "port" });
    metrics.total("dragonflow_folded_total", folding.counts.chassis, { what: "chassis" });

    metrics.set("dragonflow_relay_connections", relay?.sessions ?? 0);
    const { messagesSent = 0, bytesSent = 0, messagesReceived = 0, bytesReceived = 0 } = relay?.traffic ?? {};
    metrics.total("dragonflow_relay_messages_total", messagesSent, { direction: "sent" });
    metrics.total("dragonflow_relay_messages_total", messagesReceived, { direction: "received" });
    metrics.total("dragonflow_relay_bytes_total", bytesSent, { direction: "sent" });
    metrics.total("dragonflow_relay_bytes_total", bytesReceived, { direction: "received" });
  });
}
