import { randomBytes } from "node:crypto";
import { link, open, rm } from "node:fs/promises";
import { StartError } from "./settings.ts";
import { makeStateDirectory } from "./state-directory.ts";

const SECRET_BYTES = 32;

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/**
 * The secret that tokens are signed with, as the file has it: 64 hexadecimal digits and a new line. A file that is
 * not there is made, with its directory, whole or not at all, so that of several servers that start at once all read the same secret.
 * @throws {StartError} for a file that others may read, or that holds something else.
 */
export async function loadSecret(file: string): Promise<Uint8Array> {
  try {
    return await readSecret(file);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  await makeSecret(file);
  return readSecret(file);
}

async function readSecret(file: string): Promise<Uint8Array> {
  const handle = await open(file, "r");
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0) throw new StartError(`${file}: others may read this secret; chmod 600 it`);
    const text = (await handle.readFile("utf8")).trim();
    if (!/^[0-9a-f]{64}$/.test(text))
      throw new StartError(`${file} holds no secret of ${SECRET_BYTES} bytes in hexadecimal`);
    return Buffer.from(text, "hex");
  } finally {
    await handle.close();
  }
}

async function makeSecret(file: string): Promise<void> {
  await makeStateDirectory(file);
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(`${randomBytes(SECRET_BYTES).toString("hex")}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, file);
  } catch (error) {
    // Another server was first: its secret is the one.
    if (!hasCode(error, "EEXIST")) throw error;
  } finally {
    await rm(draft);
  }
}
