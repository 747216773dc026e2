import { addressGroupCalls, addressGroupRemovals } from "./address-group-calls.ts";
import type { Call } from "./call.ts";
import { networkCalls } from "./network-calls.ts";
import { otherCalls } from "./other-calls.ts";
import { portGroupCalls } from "./port-group-calls.ts";
import { portCalls } from "./port-calls.ts";
import { routerCalls } from "./router-calls.ts";
import { securityGroupCalls, securityGroupRemovals } from "./security-group-calls.ts";
import { cascadedRuleCalls, securityRuleCalls } from "./security-rule-calls.ts";
import { subnetCalls } from "./subnet-calls.ts";

/** In the order in which they are made: later calls refer to what earlier ones made. */
export const ALL_CALLS: readonly Call[] = [
  ...networkCalls,
  ...subnetCalls,
  ...portCalls,
  ...routerCalls,
  ...otherCalls,
  ...securityGroupCalls,
  ...addressGroupCalls,
  ...securityRuleCalls,
  ...portGroupCalls,
  ...addressGroupRemovals,
  ...securityGroupRemovals,
  ...cascadedRuleCalls,
];
