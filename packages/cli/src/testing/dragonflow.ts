/** For tests: the program as people start it. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after } from "node:test";

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

/** A command that goes on: its output so far, and its end. */
export interface Running {
  readonly pid: number;
  /** Both outputs, as they came. */
  readonly output: () => string;
  /** @throws when the text does not come within 60 s, or the command ends without it */
  saw(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

const started = new Set<ChildProcess>();
after(() => {
  for (const child of started) child.kill("SIGKILL");
});

/** What a test that failed left running ends with the file's tests. */
export function startDragonflow(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return start([process.execPath, "--disable-warning=ExperimentalWarning", MAIN, ...args], env);
}

/** On a terminal of its own, which goes when this is killed. */
export function startOnTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const command = [process.execPath, "--disable-warning=ExperimentalWarning", MAIN, ...args].join(" ");
  return start(["script", "--quiet", "--return", "--command", `exec ${command}`, "/dev/null"], env);
}

function start([file, ...args]: readonly [string, ...string[]], env: Readonly<Record<string, string>>): Running {
  const child = spawn(file, args, { env: cleanEnvironment(env), stdio: ["ignore", "pipe", "pipe"] });
  started.add(child);
  child.once("close", () => started.delete(child));
  let output = "";
  const watchers = new Set<() => void>();
  const take = (chunk: Buffer) => {
    output += chunk.toString();
    for (const watcher of watchers) watcher();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const ended = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  const saw = async (wanted: string): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (output.includes(wanted)) resolve();
    };
    const give = (why: string) => reject(new Error(`${why} without "${wanted}":\n${output}`));
    const timer = setTimeout(() => give("60 s passed"), 60_000);
    watchers.add(look);
    void ended.then((end) => give(`it ended (${end})`));
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      watchers.delete(look);
    }
  };
  return { pid: child.pid ?? 0, output: () => output, saw, kill: (signal) => void child.kill(signal), ended };
}
