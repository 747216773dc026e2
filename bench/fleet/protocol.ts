/** What the benchmark and the processes that hold its hosts say to each other. Times are milliseconds of CLOCK_MONOTONIC, which all of them share. */
import type { RelayAccess } from "../lab-access.ts";

export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Hosts are numbered over all processes. */
export const hostName = (n: number): string => `fleet-${n}`;

export type Order =
  /** `instead`: where the hosts of these numbers connect to. */
  | {
      readonly type: "start";
      readonly access: RelayAccess;
      readonly instead: ReadonlyMap<number, string>;
      readonly first: number;
      readonly count: number;
    }
  /** Answered with the state of every host. */
  | { readonly type: "state" }
  /** Answered with how many hosts have come how far since that time: asked often, so it costs next to nothing. */
  | { readonly type: "progress"; readonly since: number }
  /** Answered with what arrived since it was asked last, at hosts where anything did; and the bytes of all. */
  | { readonly type: "arrivals" }
  | { readonly type: "stop" };

/** A host's way into the cloud. Undefined: not yet, or not again since the server was away. */
export interface HostState {
  readonly n: number;
  /** Connections that it tried to make since the start. */
  readonly attempts: number;
  /** When it had the store. */
  readonly connectedAt: number | undefined;
  /** When all that it needs was there and compiled: and again after the server was away. */
  readonly currentAt: number | undefined;
  readonly outputs: number;
  readonly topics: number;
}
export interface Arrival {
  readonly n: number;
  /** Of the relay's watch: one for each commit of a topic. */
  readonly messages: number;
  readonly records: number;
  /** When the engine had done the last of it. */
  readonly compiledAt: number | undefined;
  /** From the last commit that came, by the store's clock, until then: milliseconds, of which the store tells whole ones. */
  readonly lagMs: number | undefined;
  readonly unitsRun: number;
}
export type Answer =
  | {
      readonly type: "progress";
      readonly connected: number;
      readonly current: number;
      readonly problem: string | undefined;
    }
  | {
      readonly type: "state";
      readonly hosts: readonly HostState[];
      readonly memoryMb: number;
      readonly cpuSeconds: number;
      readonly problems: readonly string[];
    }
  | {
      readonly type: "arrivals";
      readonly arrivals: readonly Arrival[];
      /** That every host has read from its connection so far, TLS and keepalive included, in order of number. */
      readonly bytes: readonly number[];
    };
