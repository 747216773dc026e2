import type { Delta } from "@dragonflow/engine";
import type { DesiredPortStatus, DesiredResponse, DesiredTunnel } from "@dragonflow/pipeline";
import type { Compiled } from "./compiler.ts";
import type { PortPolicy } from "./recheck/policy.ts";
import type { SwitchDesired } from "./switch/plan.ts";

/** One batch of the engine, sorted by who makes it true. `undefined` takes a key back. */
export interface Dispatched {
  readonly switch: readonly (readonly [string, SwitchDesired | undefined])[];
  readonly tunnels: readonly (readonly [string, DesiredTunnel | undefined])[];
  readonly responses: readonly {
    readonly responder: string;
    readonly subject: number;
    readonly row: object | undefined;
  }[];
  readonly ports: readonly (readonly [string, DesiredPortStatus | undefined])[];
  readonly policies: readonly (readonly [string, PortPolicy | undefined])[];
}

export function dispatch(delta: Pick<Delta<Compiled>, "set" | "removed">): Dispatched {
  const toSwitch: (readonly [string, SwitchDesired | undefined])[] = [];
  const tunnels: (readonly [string, DesiredTunnel | undefined])[] = [];
  const responses: { responder: string; subject: number; row: object | undefined }[] = [];
  const ports: (readonly [string, DesiredPortStatus | undefined])[] = [];
  const policies: (readonly [string, PortPolicy | undefined])[] = [];
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
      case "policy":
        policies.push([item.portId, wanted ? item : undefined]);
        break;
    }
  };
  for (const [key, item] of delta.removed) sort(key, item, false);
  for (const [key, item] of delta.set) sort(key, item, true);
  return { switch: toSwitch, tunnels, responses, ports, policies };
}
