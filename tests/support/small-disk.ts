/** A file system of its own under the store of a lab, small enough to be filled. It goes with the lab. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { agents } from "@dragonflow/cli";
import { startRecorded, stopRecorded } from "@dragonflow/lab";
import { type Cloud, run } from "./cloud.ts";

const STORE = /^store = "sqlite:.*"$/m;
const MEGABYTE = 1024 * 1024;
/** The store remembers its last 100,000 commits, of some hundred bytes each: a long run of writes makes as many. */
const SIZE = 64 * MEGABYTE;

export class SmallDisk {
  readonly #filler: string;

  private constructor(filler: string) {
    this.#filler = filler;
  }

  /** The server starts anew, with an empty store on it. */
  static async under(cloud: Cloud): Promise<SmallDisk> {
    const directory = join(cloud.lab.directory, "small");
    mkdirSync(directory, { mode: 0o700 });
    await run(["mount", "-t", "tmpfs", "-o", `size=${SIZE},mode=700`, "none", directory]);
    const file = join(cloud.lab.directory, "dragonflow.toml");
    await stopRecorded(cloud.lab, "server");
    writeFileSync(file, readFileSync(file, "utf8").replace(STORE, `store = "sqlite:${join(directory, "store.db")}"`));
    await startRecorded(cloud.lab, "server");
    await cloud.until("the server answers", async () => (await cloud.api.list(agents)).length >= 0);
    return new SmallDisk(join(directory, "filler"));
  }

  /** To the last byte. */
  fill(): void {
    const file = openSync(this.#filler, "w");
    try {
      for (let part = Buffer.alloc(MEGABYTE); part.length > 0; ) {
        try {
          writeSync(file, part);
        } catch (error) {
          if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
          part = part.subarray(0, Math.floor(part.length / 2));
        }
      }
    } finally {
      closeSync(file);
    }
  }

  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }
}
