/** For tests: labs in a directory of this process's own, all removed when it ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { listLabs, removeLab } from "../labs.ts";

/** Points DRAGONFLOW_LAB_DIR to a new directory. @returns it */
export function useScratchLabs(): string {
  const directory = mkdtempSync(join(tmpdir(), "df-lab-"));
  process.env["DRAGONFLOW_LAB_DIR"] = directory;
  const clean = async () => {
    for (const { name } of await listLabs()) await removeLab(name);
    rmSync(directory, { recursive: true, force: true });
  };
  after(clean);
  process.once("SIGTERM", () => void clean().finally(() => process.exit(143)));
  return directory;
}

/** @throws when `condition` has not held within 20 s */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`20 s passed, and still not: ${what}`);
    await pause(2);
  }
}
