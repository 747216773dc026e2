import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { test } from "node:test";
import { PAGES, root } from "./docs.ts";

for (const [file, page] of Object.entries(PAGES)) {
  test(`${file} is what the code says`, () => {
    assert.ok(readFileSync(resolve(root, file), "utf8") === page(), "make it anew: npm run docs");
  });
}

test("what a page links to is there", () => {
  const pages = globSync(["*.md", "docs/*.md", "packages/**/README.md"], {
    cwd: root,
    exclude: ["**/node_modules/**"],
  });
  const broken = pages.flatMap((page) => {
    const text = readFileSync(resolve(root, page), "utf8");
    const links = [
      ...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g),
      ...text.matchAll(/`((?:docs|packages|scripts|bench)\/[\w./-]+)`/g),
    ];
    return links
      .map(([, link = ""]) => link)
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => !existsSync(resolve(root, dirname(page), link)) && !existsSync(resolve(root, link)))
      .map((link) => `${page}: ${link}`);
  });
  assert.deepEqual(broken, []);
});
