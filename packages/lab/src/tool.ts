import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { isErrno, LabError } from "./errors.ts";

export type Argv = readonly [string, ...string[]];

export type ToolOptions = {
  /** Written to standard input, which is empty otherwise. */
  readonly input?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Left open in the tool as descriptor 3: a lock held by it outlives a killed maker until the tool has ended as
   * well.
   */
  readonly lockFd?: number;
  /** Exit statuses that are not failures; 0 alone unless told. */
  readonly accept?: readonly number[];
};

/** A command as run inside a network namespace. `ip` becomes the command: pid and start time stay. */
export const inNamespace = (namespace: string, argv: Argv): Argv => ["ip", "netns", "exec", namespace, ...argv];

/** {@link runTool}, or a session's own under its lock. */
export type Run = (argv: Argv, options?: ToolOptions) => Promise<string>;

/** This process's environment with the administrator's tools in reach: `su` without `-` leaves them out of PATH. */
export function toolEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`, ...extra };
}

/** The slowest takes well below a second; one that hangs must not hold a lab's lock for ever. */
const TOOL_TIMEOUT_MS = 30_000;

/**
 * Runs a program to its end, without a shell.
 * @returns its standard output.
 * @throws {LabError} `tool-failed` (also when it was killed after 30 s), `missing-software`
 */
export async function runTool(argv: Argv, options: ToolOptions = {}): Promise<string> {
  const [file, ...args] = argv;
  const inherited = options.lockFd === undefined ? [] : [options.lockFd];
  const child = spawn(file, args, {
    env: toolEnvironment(options.env),
    stdio: ["pipe", "pipe", "pipe", ...inherited],
    // Ctrl-C is for whoever runs the tools: a removal that it interrupts would leave a half.
    detached: true,
    timeout: TOOL_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new LabError("tool-failed", `${file} started without its pipes`);
  // A tool that ends before it has read all of its input has a status that says why: the broken pipe adds nothing.
  stdin.once("error", () => undefined);
  stdin.end(options.input ?? "");
  const [{ status, signal }, output, complaint] = await Promise.all([processEnd(child), text(stdout), text(stderr)]);
  if (status !== null && (options.accept ?? [0]).includes(status)) return output;
  const words = complaint.trim().split("\n").slice(-3).join("; ") || output.trim().split("\n").slice(-3).join("; ");
  throw new LabError("tool-failed", `${argv.join(" ")}: ${signal ?? `exit ${status}`}: ${words}`);
}

export type ProcessEnd = { readonly status: number | null; readonly signal: NodeJS.Signals | null };

/**
 * Resolves when a child has ended and its pipes are closed.
 * @throws {LabError} `missing-software`, `tool-failed` if it never started
 */
export function processEnd(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    child.once("close", (status, signal) => resolve({ status, signal }));
    child.once("error", (error) => {
      const [file] = child.spawnargs;
      reject(
        isErrno(error, "ENOENT")
          ? new LabError("missing-software", `${file} is not installed: run npm run setup`, { cause: error })
          : new LabError("tool-failed", `${file}: ${error.message}`, { cause: error }),
      );
    });
  });
}

/**
 * Like Promise.all, but when one fails it waits for the others first: whoever then removes what was made meets nobody
 * still making.
 */
export async function together<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
