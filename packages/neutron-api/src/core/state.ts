import type { NetworkObject, PortObject, RouterObject, SubnetObject } from "@dragonflow/model";
import { Allocations } from "../ipam/allocations.ts";
import { Collection, type Table } from "./collection.ts";
import type { ApiConfig } from "./config.ts";
import {
  type AgentObject,
  agentStore,
  networkStore,
  portStore,
  type QuotaObject,
  quotaStore,
  routerStore,
  subnetStore,
} from "./kinds.ts";

/** What requests read from: the objects as they stand, or as a request is about to leave them. */
export interface Reader {
  readonly config: ApiConfig;
  readonly networks: Table<NetworkObject>;
  readonly subnets: Table<SubnetObject>;
  readonly ports: Table<PortObject>;
  readonly routers: Table<RouterObject>;
  readonly agents: Table<AgentObject>;
  readonly quotas: Table<QuotaObject>;
}

/** All objects of the cloud, in memory. Fed from the store; nothing else changes it. */
export class State implements Reader {
  readonly config: ApiConfig;
  readonly networks = new Collection(networkStore.indexes);
  readonly subnets = new Collection(subnetStore.indexes);
  readonly ports = new Collection(portStore.indexes);
  readonly routers = new Collection(routerStore.indexes);
  readonly agents = new Collection(agentStore.indexes);
  readonly quotas = new Collection(quotaStore.indexes);
  readonly allocations: Allocations;

  constructor(config: ApiConfig, random?: () => number) {
    this.config = config;
    this.allocations = new Allocations(this.ports, this.subnets, random);
  }

  countOf(resource: "network" | "subnet" | "port" | "router", projectId: string): number {
    switch (resource) {
      case "network":
        return this.networks.count("project_id", projectId);
      case "subnet":
        return this.subnets.count("project_id", projectId);
      case "port":
        return this.ports.count("project_id", projectId);
      case "router":
        return this.routers.count("project_id", projectId);
    }
  }
}
