import { accessSync, constants } from "node:fs";
import { LabError } from "./errors.ts";
import { toolEnvironment } from "./tool.ts";

const PROGRAMS = {
  "Open vSwitch": ["ovsdb-server", "ovs-vswitchd", "ovsdb-tool", "ovs-vsctl"],
  iproute2: ["ip"],
  ethtool: ["ethtool"],
  "iputils-ping": ["ping"],
  procps: ["sysctl"],
  udhcpc: ["udhcpc"],
  "util-linux": ["flock"],
} as const;

/** Namespaces, devices and other users' processes are root's. @throws {LabError} `not-root` */
export function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new LabError(
    "not-root",
    "the lab makes network namespaces and starts Open vSwitch, which only root may: run this as root",
  );
}

function isThere(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    // Whatever the reason is, it cannot be used.
    return false;
  }
}

/** @throws {LabError} `missing-software`, naming what to do */
export function requireSoftware(): void {
  const directories = (toolEnvironment()["PATH"] ?? "").split(":").filter((directory) => directory !== "");
  const installed = (program: string) =>
    directories.some((directory) => isThere(`${directory}/${program}`, constants.X_OK));
  const missing = Object.entries(PROGRAMS)
    .filter(([, programs]) => !programs.every(installed))
    .map(([name]) => name);
  if (missing.length > 0) throw new LabError("missing-software", `missing: ${missing.join(", ")}; run npm run setup`);
  if (isThere("/dev/net/tun", constants.R_OK | constants.W_OK)) return;
  throw new LabError(
    "missing-software",
    "no /dev/net/tun: Open vSwitch's userspace datapath needs it; run: modprobe tun",
  );
}
