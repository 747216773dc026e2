/** `npm run check`: types, lint, format, layers, dead code. All of them run; the first line of each says how it went. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { verifyLayers } from "./layers.ts";

const root = resolve(import.meta.dirname, "..");

interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

function run(name: string, command: string, args: readonly string[]): Promise<Result> {
  const started = performance.now();
  return new Promise((done) => {
    const child = spawn(resolve(root, "node_modules/.bin", command), args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error) => done({ name, ok: false, output: error.message, seconds: 0 }));
    child.on("close", (code) => done({ name, ok: code === 0, output, seconds: (performance.now() - started) / 1000 }));
  });
}

const layers = (): Result => {
  const started = performance.now();
  const problems = verifyLayers();
  return {
    name: "layers",
    ok: problems.length === 0,
    output: problems.join("\n"),
    seconds: (performance.now() - started) / 1000,
  };
};

const results = await Promise.all([
  run("types", "tsc", ["-p", "."]),
  run("lint", "oxlint", ["--type-aware", "--deny-warnings", "packages", "scripts", "bench", "tests"]),
  run("format", "biome", ["format", "--max-diagnostics=20", "."]),
  run("dead code", "knip", ["--no-progress"]),
]);
const all = [...results, layers()];
for (const { name, ok, output, seconds } of all) {
  console.log(`${ok ? "ok  " : "FAIL"} ${name.padEnd(10)} ${seconds.toFixed(1)} s`);
  if (!ok) console.log(output.trimEnd());
}
process.exitCode = all.every(({ ok }) => ok) ? 0 : 1;
