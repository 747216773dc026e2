/**
 * `npm test`: every *.test.ts of the workspace with node's runner, few files at a time (most start real daemons). Fails where no test ran, or where
 * fewer files were found than stand in the repository. Prints where the minutes went. `--full` adds the long runs (DRAGONFLOW_FULL=1).
 */
import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const root = resolve(import.meta.dirname, "..");
const full = process.argv.includes("--full");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const AT_A_TIME = 2;
const FILE_DEADLINE_MS = (full ? 60 : 10) * 60_000;

const files = globSync(["packages/**/*.test.ts", "scripts/**/*.test.ts", "bench/**/*.test.ts", "tests/**/*.test.ts"], {
  cwd: root,
  exclude: ["**/node_modules/**"],
})
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
const tracked = execFileSync("git", ["ls-files", "*.test.ts"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "");
const missing = wanted.length === 0 ? tracked.filter((file) => !files.includes(file)) : [];
if (files.length === 0 || missing.length > 0) {
  console.error(`no test file found for ${missing.length > 0 ? missing.join(", ") : wanted.join(", ")}`);
  process.exit(1);
}

if (full) process.env["DRAGONFLOW_FULL"] = "1";
const secondsByFile = new Map<string, number>();
let passed = 0;
let failed = 0;
let skipped = 0;
const stream = run({
  files: files.map((file) => resolve(root, file)),
  concurrency: AT_A_TIME,
  timeout: FILE_DEADLINE_MS,
  cwd: root,
});
stream.on("test:pass", ({ details, skip, file }) => {
  if (details.type === "suite") return;
  if (skip === undefined) passed++;
  else skipped++;
  note(file, details.duration_ms);
});
stream.on("test:fail", ({ details, file }) => {
  if (details.type !== "suite") failed++;
  note(file, details.duration_ms);
});
stream.compose(spec).pipe(process.stdout);
await new Promise((done) => stream.once("end", done));

function note(file: string | undefined, milliseconds: number): void {
  const name = file?.replace(`${root}/`, "") ?? "?";
  secondsByFile.set(name, (secondsByFile.get(name) ?? 0) + milliseconds / 1000);
}

console.log("\nWhere the time went:");
for (const [file, seconds] of [...secondsByFile].sort((a, b) => b[1] - a[1]).slice(0, 15))
  console.log(`${seconds.toFixed(1).padStart(8)} s  ${file}`);
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
