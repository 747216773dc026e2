import { createReadStream } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type Change, type Expect, LEASE_TOPIC, newCommitId, type StoreDriver } from "@dragonflow/store";
import { CliError } from "../errors.ts";
import { print } from "../output.ts";
import { counted } from "../screen/palette.ts";
import { openChosen, topicOf } from "./opening.ts";
import type { DumpOptions, LoadOptions } from "./options.ts";
import { type DumpedRecord, parseRecordLine, valueText } from "./record-text.ts";
import { cloudTopics, rowsOf } from "./topics.ts";

/** Every record, topic by topic; each topic as of one position. Leases are no part of it. */
export async function dump({ topic, ...options }: DumpOptions): Promise<void> {
  const wanted = topic === undefined ? undefined : topicOf(topic);
  await using store = await openChosen(options);
  const topics = wanted === undefined ? await cloudTopics(store.driver) : [wanted];
  for (const name of topics) {
    if (name === LEASE_TOPIC) continue;
    for (const { id, value } of await rowsOf(store.driver, name)) {
      const line = JSON.stringify({ topic: name, id, ...valueText(value) });
      if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
    }
  }
}

const GROUP_RECORDS = 500;

/** Writes what a dump has, group by group. What is there already must be the same. */
export async function load(file: string, options: LoadOptions): Promise<void> {
  await using store = await openChosen(options, true);
  const { limits } = store.driver.capabilities;
  const most = Math.min(GROUP_RECORDS, Math.floor(limits.opsPerCommit / 2));
  const counts = { written: 0, there: 0 };
  let group: DumpedRecord[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const there = await writeGroup(store.driver, group);
    counts.there += there;
    counts.written += group.length - there;
    group = [];
    bytes = 0;
  };
  let number = 0;
  const input = file === "-" ? process.stdin : createReadStream(file);
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === "") continue;
    const record = parseRecordLine(line, number);
    if (record.topic === LEASE_TOPIC) continue;
    if (group.length === most || bytes + record.value.length > limits.bytesPerCommit) await flush();
    group.push(record);
    bytes += record.value.length;
  }
  await flush();
  print(`${counted(counts.written, "record")} written, ${counts.there} were there already`);
}

/** @returns how many were there already. @throws {CliError} one of them is another. */
async function writeGroup(driver: StoreDriver, group: readonly DumpedRecord[]): Promise<number> {
  if (group.length === 0) return 0;
  const expectAbsent = ({ topic, id }: DumpedRecord): Expect => ({ kind: "absent", topic, id });
  const put = ({ topic, id, value }: DumpedRecord): Change => ({ op: "put", topic, id, value });
  const done = await driver.commit(newCommitId(), group.map(put), group.map(expectAbsent));
  if (done.ok) return 0;
  const missing: DumpedRecord[] = [];
  for (const record of group) {
    const row = await driver.get(record.topic, record.id);
    if (row === undefined) missing.push(record);
    else if (!Buffer.from(row.value).equals(record.value))
      throw new CliError(`${record.topic} ${record.id} is there already, and is another`);
  }
  const again =
    missing.length === 0 || (await driver.commit(newCommitId(), missing.map(put), missing.map(expectAbsent))).ok;
  if (!again) throw new CliError("someone else writes to this store");
  return group.length - missing.length;
}
