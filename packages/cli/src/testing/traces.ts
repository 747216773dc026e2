/** For tests: what a lab leaves on this machine, found without asking the lab. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { listLabs, removeLab } from "@dragonflow/lab";

export interface Traces {
  readonly namespaces: readonly string[];
  readonly processes: readonly number[];
  readonly files: readonly string[];
}
export const NOTHING: Traces = { namespaces: [], processes: [], files: [] };

/** Labs of this process only, in a directory of its own that goes when it ends, and their temporary files beside them. */
export function useScratchLabs(): { readonly env: Readonly<Record<string, string>>; readonly traces: () => Traces } {
  const root = mkdtempSync(join(tmpdir(), "df-cli-"));
  const [labs, temporary] = [join(root, "labs"), join(root, "tmp")];
  mkdirSync(temporary);
  process.env["DRAGONFLOW_LAB_DIR"] = labs;
  const clean = async () => {
    for (const { name } of await listLabs()) await removeLab(name);
    rmSync(root, { recursive: true, force: true });
  };
  after(clean);
  process.once("SIGTERM", () => void clean().finally(() => process.exit(143)));
  return { env: { DRAGONFLOW_LAB_DIR: labs, TMPDIR: temporary }, traces: () => tracesOf(labs, temporary) };
}

function tracesOf(labs: string, temporary: string): Traces {
  const mark = `DRAGONFLOW_LAB_MARK=${labs}`;
  const mine = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(mark));
  const named = (directory: string) => entries(directory).filter((name) => name.includes(`-t${process.pid}`));
  return {
    namespaces: [...named("/run/netns"), ...named("/etc/netns")].sort(),
    processes: mine.map(Number),
    files: [...entries(labs), ...entries(temporary)],
  };
}

/** Every name of a lab in these tests has it, so that its namespaces are known for ours. */
export const labNamed = (suffix: string): string => `t${process.pid}${suffix}`;

function entries(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch (error) {
    // It ended while we looked, or its environment is not for us.
    if (
      error instanceof Error &&
      "code" in error &&
      ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(String(error.code))
    )
      return "";
    throw error;
  }
}
