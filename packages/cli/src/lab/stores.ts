import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { etcdCommand } from "@dragonflow/driver-etcd";
import { type Lab, spawnRecorded } from "@dragonflow/lab";
import { CliError } from "../errors.ts";
import { freePort } from "./free-port.ts";
import type { LabStore } from "./names.ts";

/** @throws {CliError} where its server is not installed, before anything is made. */
export function requireStore(store: LabStore): void {
  if (store === "etcd" && spawnSync("etcd", ["--version"]).error !== undefined)
    throw new CliError("etcd is missing; run npm run setup, or as root: apt-get install etcd-server");
}

/** @returns the store's URL; the server waits until it is there. */
export async function startLabStore(lab: Lab, store: LabStore): Promise<string> {
  switch (store) {
    case "sqlite":
      return `sqlite:${join(lab.directory, "store.db")}`;
    case "etcd": {
      const [client, peer] = [await freePort(), await freePort()];
      const argv = etcdCommand({ name: "etcd", data: join(lab.directory, "etcd"), client, peer });
      await spawnRecorded(lab, { name: "etcd", argv, cwd: "/" });
      return `etcd://127.0.0.1:${client}/dragonflow`;
    }
    default:
      return store satisfies never;
  }
}
