import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** The next line that it prints. @throws when it ended before. */
  line(): Promise<string>;
  tell(line: string): void;
  /** Closes its input: it is to end by itself. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
}

/** Runs one of the scripts beside this file; `prefix` is put before the command (`strace ...`). */
export function startChild(script: string, args: readonly string[], prefix: readonly string[] = []): Child {
  const [command = process.execPath, ...rest] = [
    ...prefix,
    process.execPath,
    join(import.meta.dirname, script),
    ...args,
  ];
  const child: ChildProcess = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
  const { pid, stdin, stdout } = child;
  if (pid === undefined || stdin === null || stdout === null) throw new Error(`${command} did not start`);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const ended = once(child, "exit").then(([code]: (number | null)[]) => code ?? null);
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  void ended.then(() => process.off("exit", end));
  return {
    pid,
    ended,
    async line() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${script} ended`);
      return value;
    },
    tell(line) {
      stdin.write(`${line}\n`);
    },
    async stop() {
      stdin.end();
      await ended;
    },
    async kill() {
      end();
      await ended;
    },
    async [Symbol.asyncDispose]() {
      end();
      await ended;
    },
  };
}
