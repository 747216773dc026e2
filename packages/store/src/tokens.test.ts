import assert from "node:assert/strict";
import { test } from "node:test";
import { LEASE_TOPIC } from "./contract.ts";
import {
  answersTopic,
  ASKERS_TOPIC,
  chassisTopic,
  networkTopic,
  questionsTopic,
  statusTopic,
  topic,
} from "@dragonflow/model";
import { rightsOf } from "./relay/rights.ts";
import { mintToken, type Subject, verifyToken } from "./tokens.ts";

test("a token says whose it is, to who has the secret", () => {
  for (const subject of ["server", "operator", "chassis:host1", "chassis:a.b-c_9"] as const satisfies Subject[]) {
    const token = mintToken("secret", subject);
    assert.equal(verifyToken("secret", token), subject);
    assert.equal(verifyToken("another", token), undefined);
    assert.equal(verifyToken("secret", mintToken("another", subject)), undefined);
  }
});

test("a token that was altered anywhere is none", () => {
  const token = mintToken("secret", "chassis:host1");
  for (let i = 0; i < token.length; i++) {
    const altered = `${token.slice(0, i)}${token[i] === "x" ? "y" : "x"}${token.slice(i + 1)}`;
    // The last character of base64url may carry bits that are not used.
    if (i < token.length - 1) assert.equal(verifyToken("secret", altered), undefined, altered);
  }
  const [kind, , signature] = token.split(".");
  const server = Buffer.from("server").toString("base64url");
  for (const forged of [
    "",
    ".",
    "v1..",
    `${kind}.${server}.${signature}`,
    `${token}.x`,
    token.slice(3),
    `v2${token.slice(2)}`,
  ])
    assert.equal(verifyToken("secret", forged), undefined, forged);
});

test("names that are no subject are refused", () => {
  for (const bad of ["", "chassis:", "chassis:a/b", "chassis:a\nb", "root", "server "])
    assert.throws(() => mintToken("secret", bad as Subject), RangeError);
});

test("a chassis reads what controllers need, writes its own status and answers, and holds its own lease", () => {
  const rights = rightsOf("chassis:host1");
  const readable = [
    networkTopic("n"),
    chassisTopic("host1"),
    topic("global"),
    topic("identity", "n"),
    statusTopic("host1"),
    answersTopic("host1"),
    questionsTopic("host1"),
  ];
  for (const each of readable) assert.ok(rights.mayRead(each), each);
  const hidden = [
    statusTopic("host2"),
    LEASE_TOPIC,
    topic("api", "networks"),
    topic("refs", "x"),
    topic("status", "host1", "x"),
    answersTopic("host2"),
    questionsTopic("host2"),
    topic("questions", "host1", "x"),
    ASKERS_TOPIC,
  ];
  for (const each of hidden) assert.ok(!rights.mayRead(each), each);
  const own = [statusTopic("host1"), answersTopic("host1")];
  for (const each of [...readable, ...hidden]) assert.equal(rights.mayWrite(each), own.includes(each), each);
  assert.ok(rights.mayLease("chassis/host1"));
  for (const name of ["chassis/host2", "chassis/host1/x", "folding", "asker/host1", ""])
    assert.ok(!rights.mayLease(name), name);
});

test("an operator reads everything, and writes questions only", () => {
  const rights = rightsOf("operator");
  const others = [networkTopic("n"), chassisTopic("host1"), statusTopic("host1"), answersTopic("host1"), LEASE_TOPIC];
  for (const each of others) assert.ok(rights.mayRead(each) && !rights.mayWrite(each), each);
  for (const each of [questionsTopic("host1"), ASKERS_TOPIC])
    assert.ok(rights.mayRead(each) && rights.mayWrite(each), each);
  assert.ok(!rights.mayWrite(topic("api", "ports")) && !rights.mayWrite(topic("refs", "x")));
  assert.ok(rights.mayLease("asker/1"));
  for (const name of ["chassis/host1", "folding", "asker", ""]) assert.ok(!rights.mayLease(name), name);
});
