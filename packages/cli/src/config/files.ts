import { readFile } from "node:fs/promises";
import { ConfigError } from "./settings.ts";

/** The text of a file that a setting names. @throws {ConfigError} naming both */
export async function readNamed(key: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError(`${key}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
