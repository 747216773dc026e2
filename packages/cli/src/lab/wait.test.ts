import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { freePort, isFree } from "./free-port.ts";
import { lastWords } from "./last-words.ts";
import { until } from "./wait.ts";

const directory = mkdtempSync(join(tmpdir(), "df-wait-"));
after(() => rmSync(directory, { recursive: true }));

describe("waiting", () => {
  test("ends with what was found", async () => {
    let looks = 0;
    assert.equal(await until("three looks", () => (++looks === 3 ? looks : undefined), { deadlineMs: 10_000 }), 3);
  });

  test("ends at the deadline, saying what it waited for; at the signal, with its reason; at an error, with that", async () => {
    await assert.rejects(
      until("rain", () => undefined, { deadlineMs: 0 }),
      { name: "CliError", message: "0 s passed, and still not: rain" },
    );
    const controller = new AbortController();
    const waiting = until("rain", () => undefined, { deadlineMs: 60_000, signal: controller.signal });
    controller.abort(new Error("no more"));
    await assert.rejects(waiting, /no more|aborted/);
    const broken = () => {
      throw new Error("broken");
    };
    await assert.rejects(until("rain", broken, { deadlineMs: 60_000 }), /broken/);
  });
});

describe("a free port", () => {
  test("is the preferred one unless somebody has it; never one that outgoing connections get", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    assert.equal(await isFree(address.port), false);
    const other = await freePort(address.port);
    assert.ok(other !== address.port && other < 32_768);
    assert.equal(await freePort(other), other);
    server.close();
  });
});

describe("the last words of a log", () => {
  const wordsOf = async (log: string, lines: number) => {
    const file = join(directory, "log");
    writeFileSync(file, log);
    return lastWords(file, lines);
  };
  test("are its last lines, as people read them", async () => {
    const log = [
      "first",
      '{"level":30,"msg":"serving"}',
      "{not json",
      '{"level":50,"err":{"message":"no space"},"msg":"commit failed"}',
      '{"answer":42}',
    ].join("\n");
    assert.equal(await wordsOf(`${log}\n`, 4), 'serving\n{not json\ncommit failed: no space\n{"answer":42}');
    const death =
      "file:///x.ts:3\n  throw it;\n  ^\n\nTypeError: it broke\n    at f (file:///x.ts:3:1)\n\nNode.js v26.10.0\n";
    assert.equal(await wordsOf(death, 1), "TypeError: it broke");
    assert.match(await wordsOf("\n", 4), /^its log is empty \(.*log\)$/);
  });
});
