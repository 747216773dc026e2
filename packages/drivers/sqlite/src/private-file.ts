import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { Unavailable } from "@dragonflow/store";

/**
 * Makes an empty file that only its owner may open, before SQLite would make one that everybody may read: the log and the journal get the mode of the
 * database they belong to. A file that has something in it already is left as it is, and never opened: SQLite's locks go when any descriptor of
 * their file is closed by this process (fcntl(2)).
 * @throws {Unavailable} with what the system says.
 */
export function makePrivateFile(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST"))
      throw new Unavailable(error instanceof Error ? error.message : String(error), { cause: error });
    if (statSync(file).size === 0) chmodSync(file, 0o600);
  }
}
