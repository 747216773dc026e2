/** `node scratch-labs-remover.ts DIRECTORY`: removes the labs in there, and the directory, when its standard input ends. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { listLabs, removeLab } from "@dragonflow/lab";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("which directory?");
process.env["DRAGONFLOW_LAB_DIR"] = directory;
// Whoever read its words may have been killed with the test. What is to be done is done nevertheless, and the status tells.
for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);
process.stdin.resume();
await once(process.stdin, "end");
// File systems of their own (see small-disk.ts), whoever still has files open there.
for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
  const mounted = line.split(" ")[1] ?? "";
  if (mounted.startsWith(`${directory}/`)) execFileSync("umount", ["--lazy", mounted], { stdio: "ignore" });
}
for (const { name } of await listLabs()) await removeLab(name);
await rm(directory, { recursive: true, force: true });
