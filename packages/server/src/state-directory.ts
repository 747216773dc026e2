import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes the directory of a file if there is none, for this user alone: tenants' networks are nobody else's business. Not its parents: a path
 * with a mistake in it is not made true.
 * @throws what the system says, with the path.
 */
export async function makeStateDirectory(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
