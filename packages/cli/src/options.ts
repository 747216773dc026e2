import { type Command, InvalidArgumentError, Option } from "commander";
import { NETWORK_TYPES } from "./config/sections.ts";
import { DEFAULT_LAB, LAB_STORES } from "./lab/names.ts";

const MOST_HOSTS = 100;

/** An option's value that is a whole number. */
export const integerBetween =
  (min: number, max: number) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`A whole number ${min}..${max} is expected.`);
    return value;
  };

export const labOption = (): Option =>
  new Option("--lab <LAB>", "which of the labs that run side by side").default(DEFAULT_LAB);
export const jsonOption = (what: string): Option => new Option("--json", `${what} as JSON`).default(false);
export const hostsOption = (): Option =>
  new Option("--hosts <N>", "how many hosts").argParser(integerBetween(0, MOST_HOSTS)).default(3);
export const apiPortOption = (): Option =>
  new Option(
    "--api-port <P>",
    `port of the API (default: 9696 for lab "${DEFAULT_LAB}" if it is free, else any)`,
  ).argParser(integerBetween(1, 65_535));

export const networkTypeOption = (): Option =>
  new Option("--network-type <TYPE>", "what carries networks that name no type (default: geneve)").choices(
    NETWORK_TYPES,
  );

export const storeOption = (): Option =>
  new Option("--store <NAME>", "database that the server stands on, started with the lab (default: sqlite)").choices(
    LAB_STORES,
  );

/** What to type, and what that does. */
export function withExamples(command: Command, examples: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) =>
    `  $ ${line.padEnd(width)}${what === "" ? "" : `  # ${what}`}`.trimEnd(),
  );
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}
