import { constants } from "node:os";
import { execInVm, openLab } from "@dragonflow/lab";
import { CliError, EXIT } from "../errors.ts";

/** Runs a command in a VM, on this terminal; it ends as the command ended. */
export async function labExec(name: string, vm: string, command: readonly string[]): Promise<void> {
  const [file, ...args] = command;
  if (file === undefined) throw new CliError("no command; say: dragonflow lab exec VM -- COMMAND...", EXIT.usage);
  const ending = new AbortController();
  // The terminal sends its Ctrl-C to the command as well, which may go on after it; a plain SIGTERM comes to us alone.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => ending.abort());
  process.on("SIGHUP", () => ending.abort());
  const lab = await openLab(name);
  try {
    const { status: code, signal } = await execInVm(lab, vm, [file, ...args], {
      stdio: "inherit",
      signal: ending.signal,
    });
    process.exitCode = code ?? afterSignal(signal);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    process.exitCode = afterSignal("SIGTERM");
  }
}

/** As a shell reports it. */
function afterSignal(signal: NodeJS.Signals | null): number {
  return signal === null ? EXIT.failed : 128 + constants.signals[signal];
}
