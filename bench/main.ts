/**
 * `npm run bench [-- CASE ...]`: figures of this machine, printed as a table, and kept in bench/results/ with the machine and the commit.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import { bind } from "./cases/bind.ts";
import { burst } from "./cases/burst.ts";
import { coldStartCase } from "./cases/cold-start.ts";
import { compile } from "./cases/compile.ts";
import { controlRestart } from "./cases/control-restart.ts";
import { dataPlane } from "./cases/data-plane.ts";
import { fleet } from "./cases/fleet.ts";
import { install } from "./cases/install.ts";
import { packetIn } from "./cases/packet-in.ts";
import { propagation } from "./cases/propagation.ts";
import { publish } from "./cases/publish.ts";
import { restart } from "./cases/restart.ts";
import { securityGroups } from "./cases/security-groups.ts";
import { store } from "./cases/store.ts";
import { units } from "./cases/units.ts";
import { type Case, type Figure, holds } from "./measure.ts";
import { takeRecorded } from "./processes.ts";
import { digits, performancePage, readResults, type Result } from "./report.ts";

const CASES: readonly Case[] = [
  compile,
  units,
  install,
  store,
  publish,
  bind,
  burst,
  coldStartCase,
  securityGroups,
  propagation,
  restart,
  controlRestart,
  dataPlane,
  packetIn,
  fleet,
];

const HELP = `npm run bench -- [CASE ...]

${CASES.map(({ name, about, sizes }) => `  ${name.padEnd(16)} ${about}${sizes === undefined ? "" : `\n${" ".repeat(19)}${sizes}`}`).join("\n")}

BENCH_PEER=FOLDER runs OVN's scripts in that folder in alternation with ours (BENCH_ROUNDS, 1), and puts their medians beside ours.
BENCH_REMARK=TEXT goes into the results: what a reader has to know of the conditions.
BENCH_RESULTS=FOLDER keeps the results there instead of bench/results, and leaves docs/performance.md as it is.`;

const names = process.argv.slice(2);
const unknown = names.filter((name) => !CASES.some((c) => c.name === name));
if (unknown.length > 0 || names.includes("--help")) {
  console.log(HELP);
  process.exit(unknown.length > 0 && !names.includes("--help") ? 2 : 0);
}

const git = (...args: readonly string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
const elsewhere = process.env["BENCH_RESULTS"];
const remark = process.env["BENCH_REMARK"];
const directory = elsewhere ?? resolve(import.meta.dirname, "results");
mkdirSync(directory, { recursive: true });

function print(figures: readonly Figure[]): void {
  const head = ["median", "p95", "min", "max"].map((title) => title.padStart(10)).join(" ");
  console.log(`  ${"".padEnd(64)} ${head}  runs`);
  for (const f of figures) {
    const shown = [f.median, f.p95, f.min, f.max].map((value) => digits(f, value).padStart(10)).join(" ");
    const bound = f.bound === undefined ? "" : `  (bound ${f.bound} ${f.unit})`;
    const wrong = holds(f) === false ? "  DOES NOT HOLD" : "";
    const peer = f.peer === undefined ? "" : `  (OVN ${digits(f, f.peer.median)})`;
    console.log(`  ${`${f.name}, ${f.unit}`.padEnd(64)} ${shown}  ${f.runs}${peer}${bound}${wrong}`);
  }
}

for (const { name, section, about, run } of CASES.filter((c) => names.length === 0 || names.includes(c.name))) {
  console.log(`\n${name}: ${about}`);
  const figures = await run((line) => console.log(`  … ${line}`));
  const processes = takeRecorded();
  print(figures);
  const result: Result = {
    case: name,
    section,
    about,
    date: new Date().toISOString(),
    commit: git("rev-parse", "--short", "HEAD"),
    machine,
    figures,
    ...(processes.length === 0 ? {} : { processes }),
    ...(remark === undefined ? {} : { remark }),
  };
  // At once: a case that fails takes no other's figures with it.
  writeFileSync(resolve(directory, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
if (elsewhere === undefined)
  writeFileSync(resolve(import.meta.dirname, "../docs/performance.md"), performancePage(readResults(directory)));
