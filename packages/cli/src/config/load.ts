import { readFileSync } from "node:fs";
import { parse as parseToml, TomlError } from "smol-toml";
import { ConfigError, flagOf, type Setting, type Settings, type ValuesOf, variableOf } from "./settings.ts";

export interface Sources {
  /** The file that `--config` names; absent: none. */
  readonly file: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By key, as the command line gave them. */
  readonly flags: Readonly<Record<string, unknown>>;
}

type Section = Readonly<Record<string, unknown>>;

/** What a section of the file says. @throws {ConfigError} for a file that cannot be read or parsed, and for a key that no setting has. */
function readSection(file: string, section: string, settings: Settings, sections: readonly string[]): Section {
  let document: Section;
  try {
    document = parseToml(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof TomlError)
      throw new ConfigError(`${file}:${error.line}:${error.column}: ${error.message.split("\n")[0]}`);
    throw new ConfigError(
      `cannot read the configuration file ${file}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  for (const name of Object.keys(document)) {
    if (!sections.includes(name))
      throw new ConfigError(
        `${file}: unknown section or key "${name}"; known: ${sections.map((s) => `[${s}]`).join(", ")}`,
      );
  }
  const table = document[section] ?? {};
  if (typeof table !== "object" || table === null || Array.isArray(table))
    throw new ConfigError(`${file}: [${section}] is not a section`);
  const values: Section = { ...table };
  const known = new Set(Object.values(settings).map(({ key }) => key));
  for (const key of Object.keys(values)) {
    if (!known.has(key))
      throw new ConfigError(`${file}: [${section}] has an unknown key "${key}"; known: ${[...known].join(", ")}`);
  }
  return values;
}

function check(setting: Setting<unknown>, value: unknown, source: string): unknown {
  try {
    return setting.parse(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(`${source}: ${setting.key} is ${JSON.stringify(value)}, expected ${error.message}`);
  }
}

/**
 * The values of all settings of a command.
 * @param section of the file: [server], [controller] ...
 * @param sections all that may be in a file, so that one file serves several commands.
 * @throws {ConfigError} naming the source, the key and the value.
 */
export function loadSettings<const S extends Settings>(
  section: string,
  settings: S,
  sources: Sources,
  sections: readonly string[],
): ValuesOf<S> {
  const fromFile = sources.file === undefined ? {} : readSection(sources.file, section, settings, sections);
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings)) values[name] = valueOf(setting, sources, fromFile, section);
  return isComplete<S>(values, settings) ? values : missing(settings);
}

function valueOf(
  setting: Setting<unknown>,
  { file, environment, flags }: Sources,
  fromFile: Section,
  section: string,
): unknown {
  const flag = flags[setting.key];
  if (flag !== undefined) return check(setting, flag, flagOf(setting));
  const variable = environment[variableOf(setting)];
  if (variable !== undefined && variable !== "") return check(setting, variable, variableOf(setting));
  const inFile = fromFile[setting.key];
  if (inFile !== undefined) return check(setting, inFile, `${file} [${section}]`);
  if (setting.fallback === undefined && !setting.optional) {
    throw new ConfigError(
      `${setting.key} is missing: give ${flagOf(setting)}, ${variableOf(setting)}, or ${setting.key} in [${section}] of the file`,
    );
  }
  return setting.fallback;
}

/** Each value came from its own setting's check, just above. */
function isComplete<S extends Settings>(values: object, settings: S): values is ValuesOf<S> {
  return Object.keys(settings).every((name) => name in values);
}
function missing(settings: Settings): never {
  throw new ConfigError(`not all of ${Object.keys(settings).join(", ")} have values`);
}

/** An unknown DRAGONFLOW_ variable is as much a mistake as an unknown key. */
export function checkEnvironment(environment: Sources["environment"], known: readonly string[]): void {
  for (const name of Object.keys(environment)) {
    if (name.startsWith("DRAGONFLOW_") && !known.includes(name))
      throw new ConfigError(`unknown environment variable ${name}: no setting has this name`);
  }
}
