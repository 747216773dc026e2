import type { Call } from "./call.ts";
import { networkCalls } from "./network-calls.ts";
import { otherCalls } from "./other-calls.ts";
import { portCalls } from "./port-calls.ts";
import { routerCalls } from "./router-calls.ts";
import { subnetCalls } from "./subnet-calls.ts";

/** In the order in which they are made: later calls refer to what earlier ones made. */
export const ALL_CALLS: readonly Call[] = [
  ...networkCalls,
  ...subnetCalls,
  ...portCalls,
  ...routerCalls,
  ...otherCalls,
];
