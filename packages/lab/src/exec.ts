import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { Lab } from "./names.ts";
import { readReadyState, vmOf } from "./state.ts";
import { type Argv, inNamespace, processEnd, toolEnvironment } from "./tool.ts";

export type ExecOptions = {
  /** `inherit`: the command has this process's terminal. `capture` (unless told): its output is in the result. */
  readonly stdio?: "inherit" | "capture";
  /** Standard input of a captured command; empty unless told. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the command with SIGTERM; the call then rejects. */
  readonly signal?: AbortSignal;
};

export type ExecResult = {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Empty unless captured. */
  readonly stdout: string;
  readonly stderr: string;
};

/**
 * Runs a command inside a VM, to its end. A command that fails is a result, not an error.
 * @throws {LabError} `unknown`
 */
export async function execInVm(lab: Lab, vm: string, argv: Argv, options: ExecOptions = {}): Promise<ExecResult> {
  return execIn(vmOf(await readReadyState(lab), vm).namespace, argv, options);
}

/** The same in any namespace of the lab: a host's, or the fabric's. */
export async function execIn(namespace: string, argv: Argv, options: ExecOptions = {}): Promise<ExecResult> {
  const [file, ...args] = inNamespace(namespace, argv);
  const inherit = options.stdio === "inherit";
  const child = spawn(file, args, {
    env: toolEnvironment(options.env),
    stdio: inherit ? "inherit" : "pipe",
    ...(options.signal ? { signal: options.signal } : {}),
  });
  // A command that ends without reading its input breaks the pipe: its status tells more.
  child.stdin?.once("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  const [{ status, signal }, stdout, stderr] = await Promise.all([
    processEnd(child),
    child.stdout ? text(child.stdout) : "",
    child.stderr ? text(child.stderr) : "",
  ]);
  return { status, signal, stdout, stderr };
}
