/** What `bin/dragonflow` starts: the build while it is new, the sources when one of them is newer. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { buildInto } from "./build.ts";

const root = resolve(import.meta.dirname, "..");
const directory = mkdtempSync(join(tmpdir(), "df-build-"));
after(() => rmSync(directory, { recursive: true }));

const run = (file: string, ...args: readonly string[]): string =>
  execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

test("the build is the whole program, and can be made anew over an old one", async () => {
  const dist = join(directory, "dist");
  for (const _ of ["first", "again"]) await buildInto(dist);
  const program = (...args: readonly string[]) => run(process.execPath, join(dist, "dragonflow.js"), ...args);
  assert.equal(program("--version"), run(join(root, "bin/dragonflow"), "--version"));
  assert.equal(program("trace", "--help"), run(join(root, "bin/dragonflow"), "trace", "--help"));
});

test("a build is started until a source, or the list of packages, is newer", () => {
  const tree = join(directory, "tree");
  const [source, built] = [join(tree, "packages/cli/src/main.ts"), join(tree, "dist/dragonflow.js")];
  for (const path of ["bin", "scripts", "dist", "packages/cli/src", "node_modules/.bin"])
    mkdirSync(join(tree, path), { recursive: true });
  for (const file of ["bin/dragonflow", "scripts/built.sh"]) cpSync(join(root, file), join(tree, file));
  symlinkSync(process.execPath, join(tree, "node_modules/.bin/node"));
  const says = () => run(join(tree, "bin/dragonflow")).trim();
  const at = (file: string, second: number): void => utimesSync(file, second, second);
  const lock = join(tree, "package-lock.json");
  writeFileSync(lock, "{}");
  writeFileSync(source, 'console.log("source");');
  assert.equal(says(), "source");
  writeFileSync(built, 'console.log("build");');
  for (const file of [source, lock]) at(file, 1000);
  at(built, 2000);
  assert.equal(says(), "build");
  at(source, 3000);
  assert.equal(says(), "source");
  at(source, 1000);
  at(lock, 3000);
  assert.equal(says(), "source");
});
