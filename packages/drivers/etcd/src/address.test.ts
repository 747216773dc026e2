import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidRequest } from "@dragonflow/store";
import { parseEtcdUrl } from "./address.ts";

test("a URL names members, prefix, user and limits", () => {
  assert.deepEqual(parseEtcdUrl("etcd://a:2379,b,[::1]:1/cloud/one/"), {
    endpoints: ["a:2379", "b:2379", "[::1]:1"],
    prefix: "/cloud/one/",
    tls: false,
    maxTxnOps: 128,
    maxRequestBytes: 1_572_864,
    newLineage: false,
  });
  assert.equal(parseEtcdUrl("etcd://a").prefix, "/dragonflow/");
  const all = "etcds://me:a%40b@a:1/x?ca=/ca.pem&cert=/c.pem&key=/k.pem&max-txn-ops=512&max-request-bytes=9000000";
  assert.deepEqual(parseEtcdUrl(`${all}&new-lineage`), {
    endpoints: ["a:1"],
    prefix: "/x/",
    tls: true,
    caFile: "/ca.pem",
    certFile: "/c.pem",
    keyFile: "/k.pem",
    user: "me",
    password: "a@b",
    maxTxnOps: 512,
    maxRequestBytes: 9_000_000,
    newLineage: true,
  });
});

test("what is wrong with a URL is said, and its password is not", () => {
  for (const url of [
    "etcd:",
    "etcd://",
    "etcd:///prefix",
    "etcd://a:99999/x",
    "etcd://me:secret@a:x/y",
    "etcd://me:secret@a,,b/y",
    "etcd://me:secret@a/y?ca=/ca.pem",
    "etcds://me:secret@a/y?cert=/c.pem",
    "etcd://a/y?password-file=/p",
    "etcd://me:secret@a/y?max-txn-ops=many",
    "etcd://me:secret@a/y?unknown=1",
  ])
    assert.throws(
      () => parseEtcdUrl(url),
      (error: unknown) => error instanceof InvalidRequest && !error.message.includes("secret"),
      url,
    );
});
