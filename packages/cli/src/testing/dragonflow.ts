/** For tests: the program as people start it. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export const MAIN = join(import.meta.dirname, "..", "main.ts");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without what the caller's environment says of Dragonflow and of colours. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(DRAGONFLOW_|OS_|NO_COLOR|FORCE_COLOR|NODE_OPTIONS|NODE_TEST)/.test(name),
  );
  const labs = process.env["DRAGONFLOW_LAB_DIR"];
  return { ...Object.fromEntries(kept), ...(labs === undefined ? {} : { DRAGONFLOW_LAB_DIR: labs }), ...extra };
}

/** Runs `dragonflow ARGS` to its end, its input empty. */
export async function dragonflow(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, ...args], {
    env: cleanEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
