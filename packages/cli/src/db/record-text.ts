import { isUtf8 } from "node:buffer";
import type { RecordId, Topic } from "@dragonflow/model";
import { parseRecordId } from "@dragonflow/store";
import { parseTopic } from "@dragonflow/model";
import { CliError } from "../errors.ts";

/** A value as a line of a dump has it: as JSON where that is all of it, byte for byte; else as text, or in base64. */
export function valueText(value: Uint8Array): { fields: unknown } | { text: string } | { base64: string } {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (!isUtf8(bytes)) return { base64: bytes.toString("base64") };
  const text = bytes.toString("utf8");
  try {
    const fields: unknown = JSON.parse(text);
    return JSON.stringify(fields) === text ? { fields } : { text };
  } catch (error) {
    if (error instanceof SyntaxError) return { text };
    throw error;
  }
}

export interface DumpedRecord {
  readonly topic: Topic;
  readonly id: RecordId;
  readonly value: Uint8Array;
}

/** @throws {CliError} naming the line. */
export function parseRecordLine(line: string, number: number): DumpedRecord {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null) throw new RangeError("not an object");
    const { topic, id, fields, text, base64 }: Readonly<Record<string, unknown>> = { ...entry };
    if (typeof topic !== "string" || typeof id !== "string") throw new RangeError("no topic, or no id");
    const key = { topic: parseTopic(topic), id: parseRecordId(id) };
    if (typeof text === "string") return { ...key, value: Buffer.from(text, "utf8") };
    if (typeof base64 === "string") return { ...key, value: Buffer.from(base64, "base64") };
    if (fields === undefined) throw new RangeError("no value");
    return { ...key, value: Buffer.from(JSON.stringify(fields), "utf8") };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError)
      throw new CliError(`line ${number}: ${error.message}`, undefined, { cause: error });
    throw error;
  }
}
