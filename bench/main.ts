/**
 * `npm run bench [-- CASE ...]`: figures of this machine, printed as a table, and kept in bench/results/ with the machine and the commit.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import { bind } from "./cases/bind.ts";
import { compile } from "./cases/compile.ts";
import { install } from "./cases/install.ts";
import { restart } from "./cases/restart.ts";
import { securityGroups } from "./cases/security-groups.ts";
import { store } from "./cases/store.ts";
import { units } from "./cases/units.ts";
import type { Case, Figure } from "./measure.ts";
import { digits, performancePage, readResults, type Result } from "./report.ts";

const CASES: readonly Case[] = [compile, units, install, store, restart, bind, securityGroups];
const names = process.argv.slice(2);
const unknown = names.filter((name) => !CASES.some((c) => c.name === name));
if (unknown.length > 0 || names.includes("--help")) {
  console.log(`npm run bench -- [CASE ...]\n\n${CASES.map((c) => `  ${c.name.padEnd(12)} ${c.about}`).join("\n")}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const results: Record<string, readonly Figure[]> = {};
for (const { name, about, run } of CASES.filter((c) => names.length === 0 || names.includes(c.name))) {
  console.log(`\n${name}: ${about}`);
  const figures = await run((line) => console.log(`  … ${line}`));
  results[name] = figures;
  console.log(
    `  ${"".padEnd(58)} ${"median".padStart(10)} ${"p95".padStart(10)} ${"min".padStart(10)} ${"max".padStart(10)}  runs`,
  );
  for (const f of figures) {
    const show = (value: number): string => digits(f, value).padStart(10);
    const bound = f.bound === undefined ? "" : `  (bound ${f.bound} ${f.unit})`;
    console.log(
      `  ${`${f.name}, ${f.unit}`.padEnd(58)} ${show(f.median)} ${show(f.p95)} ${show(f.min)} ${show(f.max)}  ${f.runs}${bound}`,
    );
  }
}

const git = (...args: readonly string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
const directory = resolve(import.meta.dirname, "results");
mkdirSync(directory, { recursive: true });
for (const { name, about } of CASES) {
  const figures = results[name];
  if (figures === undefined) continue;
  const document: Result = {
    case: name,
    about,
    date: new Date().toISOString(),
    commit: git("rev-parse", "--short", "HEAD"),
    machine,
    figures,
  };
  writeFileSync(resolve(directory, `${name}.json`), `${JSON.stringify(document, null, 2)}\n`);
}
writeFileSync(resolve(import.meta.dirname, "../docs/performance.md"), performancePage(readResults(directory)));
