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

/** Errors, by name, whose message is written for people. By name: importing their classes would load every package for every command. */
const EXPLAINED: readonly string[] = ["CliError", "ConfigError", "ApiError", "LabError", "StartError", "StoreError"];

/** What is printed, and how the process ends. Anything that nobody expected keeps its stack: it is a defect to report. */
export function explain(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (!(error instanceof Error)) return { text: String(error), exitCode: EXIT.failed };
  if (!EXPLAINED.includes(error.name))
    return { text: `internal error: ${error.stack ?? error.message}`, exitCode: EXIT.failed };
  return { text: error.message, exitCode: exitCodeOf(error) };
}

function exitCodeOf(error: Error): number {
  if (error instanceof CliError) return error.exitCode;
  if (error.name === "ConfigError") return EXIT.usage;
  return error.name === "LabError" && "code" in error && error.code === "bad-value" ? EXIT.usage : EXIT.failed;
}
