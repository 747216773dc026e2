import { type Delta, equal, type Merging } from "@dragonflow/engine";
import {
  type Desired,
  type DesiredPortStatus,
  type DesiredResponse,
  type DesiredTunnel,
  desiredOutput,
} from "@dragonflow/pipeline";
import type { RecheckChanges } from "./recheck/losses.ts";
import type { IdentityPolicy, TrackedPort } from "./recheck/policy.ts";
import type { SwitchDesired } from "./switch/plan.ts";

/** All that units make: what the apps desire, and what decides about the connections of ports. */
export type Compiled = Desired | TrackedPort | IdentityPolicy;

export function isDesired(output: Compiled): output is Desired {
  return output.type !== "tracked-port" && output.type !== "identity-policy";
}

export const compiledOutput: Merging<Compiled> = {
  keyOf: ({ key }) => key,
  same: (a, b) => (isDesired(a) && isDesired(b) ? desiredOutput.same(a, b) : equal(a, b)),
};

type Changes<K, T> = readonly (readonly [K, T | undefined])[];

/** One batch of the engine, sorted by who makes it true. `undefined` takes a key back. */
export interface Dispatched {
  readonly switch: Changes<string, SwitchDesired>;
  readonly tunnels: Changes<string, DesiredTunnel>;
  readonly responses: readonly {
    readonly responder: string;
    readonly subject: number;
    readonly row: object | undefined;
  }[];
  readonly ports: Changes<string, DesiredPortStatus>;
  readonly recheck: RecheckChanges;
}

export function dispatch(delta: Pick<Delta<Compiled>, "set" | "removed">): Dispatched {
  const toSwitch: (readonly [string, SwitchDesired | undefined])[] = [];
  const tunnels: (readonly [string, DesiredTunnel | undefined])[] = [];
  const responses: { responder: string; subject: number; row: object | undefined }[] = [];
  const ports: (readonly [string, DesiredPortStatus | undefined])[] = [];
  const trackedPorts: (readonly [string, TrackedPort | undefined])[] = [];
  const policies: (readonly [number, IdentityPolicy | undefined])[] = [];
  const sort = (key: string, item: Compiled, wanted: boolean): void => {
    switch (item.type) {
      case "flow":
      case "group":
      case "meter":
        toSwitch.push([key, wanted ? item : undefined]);
        break;
      case "tunnel":
        tunnels.push([key, wanted ? item : undefined]);
        break;
      case "response":
        responses.push({
          responder: item.responder,
          subject: item.subject,
          row: wanted ? (item satisfies DesiredResponse).row : undefined,
        });
        break;
      case "port-status":
        ports.push([item.portId, wanted ? item : undefined]);
        break;
      case "tracked-port":
        trackedPorts.push([item.portId, wanted ? item : undefined]);
        break;
      case "identity-policy":
        policies.push([item.identity, wanted ? item : undefined]);
        break;
    }
  };
  for (const [key, item] of delta.removed) sort(key, item, false);
  for (const [key, item] of delta.set) sort(key, item, true);
  return { switch: toSwitch, tunnels, responses, ports, recheck: { ports: trackedPorts, policies } };
}
