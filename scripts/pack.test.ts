import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startSwitch } from "@dragonflow/openflow/testing";
import { LIBRARIES, pack } from "./pack.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "..");
const directory = mkdtempSync(join(tmpdir(), "dragonflow-use-"));
const use = join(directory, "use");
after(() => rmSync(directory, { recursive: true, force: true }));

/** The first TypeScript example of a library's README, and what its comments behind `console.log` say that it prints. */
function exampleOf(library: string): { readonly code: string; readonly prints: readonly string[] } {
  const text = readFileSync(join(root, "packages", library, "README.md"), "utf8");
  const code = /^```ts\n(.*?)^```/ms.exec(text)?.[1];
  assert.ok(code !== undefined, `${library}: no example`);
  return { code, prints: [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1] ?? "") };
}

describe("the libraries, where nothing else of Dragonflow is", () => {
  before(() => {
    const tarballs = pack(join(directory, "tarballs"));
    assert.equal(tarballs.length, LIBRARIES.length);
    mkdirSync(use);
    writeFileSync(join(use, "package.json"), JSON.stringify({ name: "use", version: "1.0.0", type: "module" }));
    const quiet = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    execFileSync("npm", ["install", ...quiet, ...tarballs], { cwd: use, stdio: "pipe" });
  });

  test("the examples of their READMEs have the types that they use, and print what they say", async () => {
    await using ovs = await startSwitch();
    for (const library of LIBRARIES) {
      const { code, prints } = exampleOf(library);
      const file = join(use, `${library}.ts`);
      writeFileSync(file, code.replaceAll("/run/openvswitch/", `${ovs.dir}/`));
      const { stdout } = await run(process.execPath, [file], { cwd: use, timeout: 20_000 });
      if (prints.length > 0) assert.deepEqual(stdout.trimEnd().split("\n"), prints, library);
    }
    const config = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: { typeRoots: [join(root, "node_modules/@types")], rootDir: use },
      include: [join(use, "*.ts")],
    };
    writeFileSync(join(use, "tsconfig.json"), JSON.stringify(config));
    execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(use, "tsconfig.json")], { encoding: "utf8" });
  });
});
