/** How a command ends: 0 done, 1 it could not be done, 2 it was not said right. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** A failure that one line explains; whoever reads it needs no stack. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Classes of errors whose message is written for people. By name: importing them would load every package for every command. */
const EXPLAINED: readonly string[] = ["CliError", "ConfigError", "ApiError", "LabError", "StartError", "StoreError"];

/** Its class, or one that it extends: StoreLocked is a StoreError. */
function isExplained(error: Error): boolean {
  for (let type: unknown = error.constructor; typeof type === "function"; type = Object.getPrototypeOf(type))
    if (EXPLAINED.includes(type.name)) return true;
  // What the system refused (EACCES, ENOENT ...) names the file: that is the whole story.
  return "syscall" in error && "code" in error;
}

/** What is printed, and how the process ends. Anything that nobody expected keeps its stack: it is a defect to report. */
export function explain(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (!(error instanceof Error)) return { text: String(error), exitCode: EXIT.failed };
  if (!isExplained(error)) return { text: `internal error: ${error.stack ?? error.message}`, exitCode: EXIT.failed };
  return { text: error.message, exitCode: exitCodeOf(error) };
}

function exitCodeOf(error: Error): number {
  if (error instanceof CliError) return error.exitCode;
  if (error.name === "ConfigError") return EXIT.usage;
  return error.name === "LabError" && "code" in error && error.code === "bad-value" ? EXIT.usage : EXIT.failed;
}
