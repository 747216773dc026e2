import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ServerSettings } from "../settings.ts";

export interface ServerProcess {
  readonly apiUrl: string;
  readonly relayUrl: string | undefined;
  /** All that it has logged so far. */
  readonly log: () => string;
  /** Resolves with the exit code when it is gone. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** @throws with its log when it ends before it serves */
export async function startServerProcess(settings: ServerSettings): Promise<ServerProcess> {
  const program = join(import.meta.dirname, "server-process.ts");
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = once(child, "exit").then(([code]: (number | null)[]) => {
    running.delete(child);
    return code ?? null;
  });
  const lines = createInterface(child.stdout);
  const first = await Promise.race([once(lines, "line"), ended]);
  if (!Array.isArray(first)) throw new Error(`the server ended: ${log}`);
  const { apiUrl, relayUrl } = JSON.parse(String(first[0]));
  return {
    apiUrl,
    relayUrl,
    log: () => log,
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
