import type { Kind } from "../kind.ts";
import { chassisStatusKind, claimRefusalKind, endpointKind, portStatusKind } from "./chassis.ts";
import { networkKind, subnetKind } from "./network.ts";
import { localPortKind, portKind } from "./port.ts";
import { answerKind, askerKind, questionKind } from "./questions.ts";
import { addressGroupKind, groupIdentityKind, portIdentityKind, securityGroupKind } from "./security-group.ts";
import { routerInterfaceKind, routerKind, routerPortKind } from "./router.ts";

/** Every kind of record that crosses the store between servers and controllers. */
export const KINDS = [
  networkKind,
  subnetKind,
  portKind,
  localPortKind,
  routerKind,
  routerInterfaceKind,
  routerPortKind,
  securityGroupKind,
  groupIdentityKind,
  portIdentityKind,
  addressGroupKind,
  endpointKind,
  chassisStatusKind,
  claimRefusalKind,
  portStatusKind,
  questionKind,
  answerKind,
  askerKind,
] as const satisfies readonly Pick<Kind, "kind">[];
