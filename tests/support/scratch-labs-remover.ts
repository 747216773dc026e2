/** `node scratch-labs-remover.ts DIRECTORY`: removes the labs in there, and the directory, when its standard input ends. */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { listLabs, removeLab } from "@dragonflow/lab";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("which directory?");
process.env["DRAGONFLOW_LAB_DIR"] = directory;
process.stdin.resume();
await once(process.stdin, "end");
for (const { name } of await listLabs()) await removeLab(name);
await rm(directory, { recursive: true, force: true });
