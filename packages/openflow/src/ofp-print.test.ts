import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { Writer } from "@dragonflow/wire";
import { ERROR_NAMES } from "./error-table.ts";
import { MESSAGE_TYPES, type Message, decodeMessage, encodeMessage } from "./messages/index.ts";
import { messageSamples } from "./testing/message-samples.ts";
import { readMessageVectors } from "./testing/message-vectors.ts";

const run = promisify(execFile);

/** What Open vSwitch understands of a message. */
async function print(message: Message): Promise<string> {
  const w = new Writer();
  encodeMessage(w, 1, message);
  const { stdout } = await run("ovs-ofctl", ["ofp-print", Buffer.from(w.view()).toString("hex")]);
  return stdout.replace(/ +$/gm, "").trim();
}
/** All at once would be a hundred processes. */
async function printAll(messages: readonly Message[]): Promise<string[]> {
  const texts: string[] = [];
  for (const message of messages) texts.push(await print(message));
  return texts;
}

test("Open vSwitch understands our messages as they are meant", async () => {
  const golden = readFileSync(new URL("./golden/ofp-print.txt", import.meta.url), "utf8");
  const texts = await printAll(messageSamples);
  const blocks = messageSamples.map((message, i) => `# ${message.type}\n${texts[i]}\n`);
  assert.equal(blocks.join("\n"), golden);
});

test("there is a sample or a vector of each message", () => {
  const shown = new Set<string>(messageSamples.map((message) => message.type));
  for (const { bytes } of readMessageVectors()) shown.add(decodeMessage(bytes).message.type);
  // vswitchd neither sends nor takes these two; ofp-print cannot read them.
  shown.add("flow_stats_request").add("flow_stats_reply");
  assert.deepEqual(
    MESSAGE_TYPES.filter((type) => !shown.has(type)),
    [],
  );
});

test("each error has the name that Open vSwitch gives it", async () => {
  const texts = await printAll(ERROR_NAMES.map((error) => ({ type: "error", error, data: new Uint8Array() })));
  assert.deepEqual(
    texts.map((text) => /xid=0x1\): (\w+)/.exec(text)?.[1]),
    ERROR_NAMES,
  );
});
