import { join } from "node:path";
import type { LabHost } from "@dragonflow/lab";

export const DEFAULT_LAB = "demo";

/** What commands need to reach a lab. */
export const labOption = (name: string): string => (name === DEFAULT_LAB ? "" : ` --lab ${name}`);

/** The controller's own socket; OVS keeps the host's other sockets beside it. */
export const socketOf = (host: LabHost): string => join(host.directory, "controller.sock");

export const controllerName = (host: string): string => `controller-${host}`;

/** What the server of a lab may stand on. A database starts with the lab, as a process of its own, and goes with it. */
export const LAB_STORES = ["sqlite", "etcd"] as const;
export type LabStore = (typeof LAB_STORES)[number];
