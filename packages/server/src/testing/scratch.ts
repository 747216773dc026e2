import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ensureTls, type TlsFiles } from "../tls.ts";

const DEADLINE_MILLISECONDS = 30_000;

const directories: string[] = [];
process.once("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});
process.once("SIGTERM", () => process.exit(143));

/** A directory of this test file's own, removed when its process ends. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "df-server-"));
  directories.push(directory);
  return directory;
}

let tls: Promise<TlsFiles> | undefined;
/** One certificate for all servers of a test file. */
export function testTls(): Promise<TlsFiles> {
  tls ??= ensureTls(join(scratchDirectory(), "tls"));
  return tls;
}

/** Asks until the answer is not undefined or false. @throws when it still is after 30 s */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + DEADLINE_MILLISECONDS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MILLISECONDS / 1000} s: ${what}`);
    await pause(3);
  }
}
