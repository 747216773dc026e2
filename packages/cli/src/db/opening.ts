import { existsSync } from "node:fs";
import { openStore as openStoreByUrl } from "@dragonflow/server";
import { type RecordId, type Topic, parseTopic } from "@dragonflow/model";
import { parseRecordId } from "@dragonflow/store";
import { pino } from "pino";
import { readNamed } from "../config/files.ts";
import { CliError, EXIT } from "../errors.ts";
import { type OpenStore, openStore, type StoreSelection } from "../introspection/store.ts";
import { warn } from "../output.ts";

export interface StoreOptions extends StoreSelection {
  /** The URL of a store, as a setting of a server. */
  readonly store?: string;
}

/** A store by its URL, or that of a server. @param mayMake a store that is not there is made @throws {CliError} why it is not reached */
export async function openChosen(options: StoreOptions, mayMake = false): Promise<OpenStore> {
  const { store: url, tokenFile, caFile } = options;
  if (url === undefined) return openStore(options);
  const file = url.startsWith("sqlite:") ? decodeURIComponent(URL.parse(url)?.pathname ?? "") : "";
  if (file !== "" && !mayMake && !existsSync(file)) throw new CliError(`${file}: there is no store`);
  const token = tokenFile === undefined ? {} : { token: (await readNamed("token-file", tokenFile)).trim() };
  const ca = caFile === undefined ? {} : { caFile };
  // What the driver says of its own accord is a warning.
  const log = pino({ level: "warn" }, { write: (line: string) => warn(messageOf(line)) });
  const { driver } = await openStoreByUrl({ url, ...token, ...ca }, log);
  return { driver, lab: undefined, [Symbol.asyncDispose]: async () => driver.close() };
}

function messageOf(line: string): string {
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== "object" || entry === null || !("msg" in entry)) return line;
  return "reason" in entry ? `${String(entry.msg)} (${String(entry.reason)})` : String(entry.msg);
}

export function topicOf(text: string): Topic {
  return said(() => parseTopic(text));
}
export function recordOf(text: string): RecordId {
  return said(() => parseRecordId(text));
}
function said<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) throw new CliError(error.message, EXIT.usage, { cause: error });
    throw error;
  }
}
