import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { Progress } from "./progress.ts";

function capture(isTTY: boolean): { readonly stream: PassThrough; readonly text: () => string } {
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  return { stream: Object.assign(stream, { isTTY, columns: 30 }), text: () => chunks.join("") };
}

describe("progress", () => {
  test("on a pipe: a line per step, when it is done", async () => {
    const { stream, text } = capture(false);
    const progress = new Progress(stream);
    assert.equal(await progress.step("a step", async () => 7), 7);
    await progress.step(
      "another",
      async () => "result",
      (result) => `another, with ${result}`,
    );
    await assert.rejects(
      progress.step("a third", async () => {
        throw new Error("no");
      }),
      /no/,
    );
    assert.match(text(), /^✔ a step {2}\d+\.\d s\n✔ another, with result {2}\d+\.\d s\n✖ a third\n$/);
  });

  test("on a pipe: a step that takes long says so, and how far it has come", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    const { stream, text } = capture(false);
    const { promise, resolve } = Promise.withResolvers<void>();
    const step = new Progress(stream).step("slow", async (tell) => {
      tell("4 of 6");
      await promise;
    });
    context.mock.timers.tick(1_900);
    assert.equal(text(), "");
    context.mock.timers.tick(200);
    assert.equal(text(), "… slow: 4 of 6\n");
    resolve();
    await step;
    assert.match(text(), /^… slow: 4 of 6\n✔ slow {2}\d+\.\d s\n$/);
  });

  test("on a terminal: one line that lives, and never wraps", async (context) => {
    context.mock.timers.enable({ apis: ["setInterval"] });
    const { stream, text } = capture(true);
    const { promise, resolve } = Promise.withResolvers<void>();
    const step = new Progress(stream).step("a step with a long name", async (tell) => {
      tell("and much to say");
      await promise;
    });
    context.mock.timers.tick(400);
    resolve();
    await step;
    const lines = stripVTControlCharacters(text()).split("\r");
    assert.ok(lines.length > 5);
    for (const line of lines.slice(0, -1)) assert.ok(line.length < 30 && !line.includes("\n"), line);
    assert.match(lines.at(-1) ?? "", /^✔ a step with a long name {2}\d+\.\d s\n$/);
  });
});
