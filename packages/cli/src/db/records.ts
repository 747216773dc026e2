import type { Topic } from "@dragonflow/model";
import type { Row, StoreDriver } from "@dragonflow/store";
import { CliError } from "../errors.ts";
import { print, printJson } from "../output.ts";
import { plainTable } from "../screen/columns.ts";
import { paletteOf, printable } from "../screen/palette.ts";
import { openChosen, recordOf, topicOf } from "./opening.ts";
import type { GetOptions, ListOptions } from "./options.ts";
import { valueText } from "./record-text.ts";
import { cloudTopics, rowsOf } from "./topics.ts";

const bytesOf = (rows: readonly Row[]): number => rows.reduce((sum, row) => sum + row.value.length, 0);

/** Topics that hold something, or the records of one. */
export async function list(topic: string | undefined, { json, ...options }: ListOptions): Promise<void> {
  const wanted = topic === undefined ? undefined : topicOf(topic);
  await using store = await openChosen(options);
  if (wanted === undefined) await listTopics(store.driver, json);
  else await listRecords(store.driver, wanted, json);
}

async function listTopics(driver: StoreDriver, json: boolean): Promise<void> {
  const found: {
    readonly topic: Topic;
    readonly position: string;
    readonly records: number;
    readonly bytes: number;
  }[] = [];
  for (const topic of await cloudTopics(driver)) {
    const [rows, { position }] = await Promise.all([rowsOf(driver, topic), driver.head(topic)]);
    if (rows.length > 0) found.push({ topic, position, records: rows.length, bytes: bytesOf(rows) });
  }
  if (json) printJson(found);
  else
    table(
      ["TOPIC", "POSITION", "RECORDS", "BYTES"],
      found.map(({ topic, position, records, bytes }) => [topic, position, String(records), String(bytes)]),
    );
}

async function listRecords(driver: StoreDriver, topic: Topic, json: boolean): Promise<void> {
  const rows = await rowsOf(driver, topic);
  if (json) printJson(rows.map(({ id, version, value }) => ({ id, version, bytes: value.length })));
  else
    table(
      ["RECORD", "VERSION", "BYTES"],
      rows.map(({ id, version, value }) => [id, version, String(value.length)]),
    );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const columns = titles.map(
    (title) => ({ title, align: title === "BYTES" || title === "RECORDS" ? "right" : "left" }) as const,
  );
  const cells = rows.map((row) => row.map((text) => ({ text: printable(text) })));
  print(plainTable(columns, cells, paletteOf(process.stdout)).join("\n"));
}

/** One record: its fields, or what it is instead. */
export async function get(topic: string, id: string, options: GetOptions): Promise<void> {
  const [name, record] = [topicOf(topic), recordOf(id)];
  await using store = await openChosen(options);
  const row = await store.driver.get(name, record);
  if (row === undefined) throw new CliError(`${topic} has no record ${id}`);
  printJson({ topic, id, version: row.version, ...valueText(row.value) });
}
