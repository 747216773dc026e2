import type {
  AddressGroupObject,
  IdentityObject,
  NetworkObject,
  PortObject,
  RouterObject,
  SecurityGroupObject,
  SubnetObject,
} from "@dragonflow/model";
import { Allocations } from "../ipam/allocations.ts";
import { Collection, type Table } from "./collection.ts";
import type { ApiConfig } from "./config.ts";
import {
  type AgentObject,
  addressGroupStore,
  agentStore,
  identityStore,
  networkStore,
  portStore,
  type QuotaObject,
  quotaStore,
  routerStore,
  securityGroupStore,
  subnetStore,
} from "./kinds.ts";
import type { Limited } from "./limited.ts";
import { followRules, type RuleObject, ruleIndexes } from "./security-group-rules.ts";

/** What requests read from: the objects as they stand, or as a request is about to leave them. */
export interface Reader {
  readonly config: ApiConfig;
  readonly networks: Table<NetworkObject>;
  readonly subnets: Table<SubnetObject>;
  readonly ports: Table<PortObject>;
  readonly routers: Table<RouterObject>;
  readonly securityGroups: Table<SecurityGroupObject>;
  readonly securityGroupRules: Table<RuleObject>;
  readonly addressGroups: Table<AddressGroupObject>;
  readonly identities: Table<IdentityObject>;
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
  readonly securityGroups = new Collection(securityGroupStore.indexes);
  readonly securityGroupRules = new Collection<RuleObject>(ruleIndexes);
  readonly addressGroups = new Collection(addressGroupStore.indexes);
  readonly identities = new Collection(identityStore.indexes);
  readonly agents = new Collection(agentStore.indexes);
  readonly quotas = new Collection(quotaStore.indexes);
  readonly allocations: Allocations;

  constructor(config: ApiConfig, random?: () => number) {
    this.config = config;
    followRules(this.securityGroups, this.securityGroupRules);
    this.allocations = new Allocations(this.ports, this.subnets, random);
  }

  countOf(resource: Limited, projectId: string): number {
    switch (resource) {
      case "network":
        return this.networks.count("project_id", projectId);
      case "subnet":
        return this.subnets.count("project_id", projectId);
      case "port":
        return this.ports.count("project_id", projectId);
      case "router":
        return this.routers.count("project_id", projectId);
      case "security_group":
        return this.securityGroups.count("project_id", projectId);
      case "security_group_rule":
        return this.securityGroupRules.count("project_id", projectId);
    }
  }
}
