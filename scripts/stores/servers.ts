/**
 * Databases for development and tests: `scripts/stores/NAME up [1|3]` starts one on free ports of 127.0.0.1, in a directory of its own, and prints its
 * URL; `down` ends what `up` recorded, and removes the directory. A database is one file here, that says how to start it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export type Members = 1 | 3;
/** `start`: all members; returns the URL that `dragonflow server --store` takes, once the database answers. */
export interface StoreServer {
  readonly name: string;
  start(place: Place, members: Members): Promise<string>;
}

const READY_MILLISECONDS = 30_000;
const END_MILLISECONDS = 10_000;
const LOOK_MILLISECONDS = 50;

/** Ticks from the machine's start to that of the process: with it a pid names one process (proc(5), field 22 of stat). */
function startOf(pid: number): string | undefined {
  try {
    const [, rest = ""] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    const [state, ...fields] = rest.split(" ");
    return state === "Z" ? undefined : fields[18];
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return undefined;
    throw error;
  }
}

async function until(what: string, milliseconds: number, look: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + milliseconds; !(await look()); await pause(LOOK_MILLISECONDS))
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
}

/** The directory of one database, and the processes that were started in it. */
export class Place {
  readonly directory: string;
  readonly #record: string;

  constructor(name: string) {
    const parent = join(tmpdir(), `dragonflow-stores-${userInfo().uid}`);
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    if (statSync(parent).uid !== userInfo().uid) throw new Error(`${parent} belongs to somebody else`);
    this.directory = join(parent, name);
    this.#record = join(this.directory, "processes");
  }

  /** @returns false where there is one already */
  make(): boolean {
    try {
      mkdirSync(this.directory, { mode: 0o700 });
      return true;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
      throw error;
    }
  }

  /** A process that goes on when this one ends. Its outputs are in `NAME.log`. */
  async run(name: string, [command, ...args]: readonly [string, ...string[]]): Promise<void> {
    const log = openSync(join(this.directory, `${name}.log`), "a", 0o600);
    const child = spawn(command, args, { cwd: this.directory, detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    await once(child, "spawn");
    child.unref();
    const { pid = 0 } = child;
    writeFileSync(this.#record, `${pid} ${startOf(pid) ?? ""}\n`, { flag: "a" });
  }

  async ready(what: string, look: () => Promise<boolean>): Promise<void> {
    await until(what, READY_MILLISECONDS, async () => {
      if (!this.#running().every(({ runs }) => runs())) throw new Error(`it ended: see the logs in ${this.directory}`);
      return look();
    });
  }

  async remove(): Promise<void> {
    const processes = this.#running().filter(({ runs }) => runs());
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const left = processes.filter(({ runs }) => runs());
      for (const { pid } of left) process.kill(pid, signal);
      const gone = (): boolean => left.every(({ runs }) => !runs());
      await until("its end", END_MILLISECONDS, gone).catch((error: unknown) => {
        if (signal === "SIGKILL") throw error;
      });
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  #running(): readonly { readonly pid: number; readonly runs: () => boolean }[] {
    let text: string;
    try {
      text = readFileSync(this.#record, "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [pid = "", start = ""] = line.split(" ");
        return { pid: Number(pid), runs: () => start !== "" && startOf(Number(pid)) === start };
      });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** The command line of one database's script. */
export async function main(server: StoreServer): Promise<void> {
  const [verb, count = "1"] = process.argv.slice(2);
  const place = new Place(server.name);
  if (verb === "up" && (count === "1" || count === "3")) {
    if (!place.make()) {
      console.error(`${server.name} is up already: scripts/stores/${server.name} down`);
      process.exitCode = 1;
      return;
    }
    try {
      console.log(await server.start(place, count === "1" ? 1 : 3));
    } catch (error) {
      console.error(`${server.name}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
      await place.remove();
    }
  } else if (verb === "down") await place.remove();
  else {
    console.error(`usage: scripts/stores/${server.name} up [1|3] | down`);
    process.exitCode = 2;
  }
}
