import assert from "node:assert/strict";
import { test } from "node:test";
import { Unsupported } from "./errors.ts";
import { loadClient, withoutSecrets } from "./opening.ts";

test("a URL is shown without its password", () => {
  assert.equal(withoutSecrets("etcd://me:secret@a:1,b:2/x"), "etcd://me:***@a:1,b:2/x");
  assert.equal(withoutSecrets("redis://:secret@a"), "redis://:***@a");
  for (const url of ["sqlite:/a/b:c@d.db", "etcd://a:2379,b:2379/x", "wss://a:1", "etcd://me@a:1/x"])
    assert.equal(withoutSecrets(url), url);
});

test("a client library that is missing is named", async () => {
  const name: string = "@dragonflow/no-such-package";
  await assert.rejects(
    loadClient("somewhere", name, () => import(name)),
    (error: unknown) => error instanceof Unsupported && error.message.includes(`npm install ${name}`),
  );
  const other = new Error("another");
  await assert.rejects(
    loadClient("somewhere", name, () => Promise.reject(other)),
    other,
  );
});
