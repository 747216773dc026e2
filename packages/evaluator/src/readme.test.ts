import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { REASONS } from "./verdict.ts";

const folder = resolve(import.meta.dirname, "..");
const text = readFileSync(resolve(folder, "README.md"), "utf8");

test("the example of the README prints what it says", () => {
  const code = /^```ts\n(.*?)^```/ms.exec(text)?.[1] ?? "";
  const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, output]) => output);
  const printed = execFileSync(process.execPath, ["--input-type=module-typescript", "--eval", code], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.ok(expected.length > 0);
  assert.deepEqual(printed.trimEnd().split("\n"), expected);
});

test("the README has every reason, in the words of the code", () => {
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)].map(([, reason, words]) => [reason, words]);
  assert.deepEqual(rows, Object.entries(REASONS));
});
