/**
 * Settings of a command: ONE ROW PER SETTING. The flag, the environment variable, the key in the TOML file, the check and the help all derive from
 * it. A flag wins over the environment, the environment over the file, the file over the default.
 */
export interface Setting<T> {
  /** Key in the file, in its section: snake_case. The flag is the same with hyphens, the variable in capitals. */
  readonly key: string;
  readonly help: string;
  readonly placeholder: string;
  readonly fallback: T | undefined;
  /** May be absent: then it is undefined. */
  readonly optional: boolean;
  /** @throws {RangeError} saying what is expected. */
  readonly parse: (value: unknown) => T;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

function setting<T>(
  key: string,
  help: string,
  placeholder: string,
  parse: (value: unknown) => T,
  fallback: T | undefined,
): Setting<T> {
  return { key, help, placeholder, fallback, parse, optional: false };
}

export function text(
  key: string,
  help: string,
  options: {
    readonly fallback?: string;
    readonly pattern?: RegExp;
    readonly expected?: string;
    readonly placeholder?: string;
  } = {},
): Setting<string> {
  const { fallback, pattern = /^.{1,4096}$/s, expected = "text", placeholder = "TEXT" } = options;
  return setting(
    key,
    help,
    placeholder,
    (value) => (typeof value === "string" && pattern.test(value) ? value : expect(expected)),
    fallback,
  );
}
export function path(key: string, help: string, fallback?: string): Setting<string> {
  const parse = (value: unknown): string =>
    typeof value === "string" && value !== "" && !value.includes("\0") ? value : expect("a path");
  return setting(key, help, "PATH", parse, fallback);
}
export function integer(key: string, help: string, min: number, max: number, fallback?: number): Setting<number> {
  const parse = (value: unknown): number => {
    const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
    return typeof number === "number" && Number.isInteger(number) && number >= min && number <= max
      ? number
      : expect(`an integer ${min}..${max}`);
  };
  return setting(key, help, "N", parse, fallback);
}
export function choice<const C extends string>(
  key: string,
  help: string,
  choices: readonly C[],
  fallback?: C,
): Setting<C> {
  const parse = (value: unknown): C => choices.find((c) => c === value) ?? expect(`one of ${choices.join(", ")}`);
  return setting(key, help, choices.join("|"), parse, fallback);
}
/** Several, in the environment and in a flag separated by commas. */
export function choices<const C extends string>(
  key: string,
  help: string,
  all: readonly C[],
  fallback: readonly C[],
): Setting<readonly C[]> {
  const parse = (value: unknown): readonly C[] => {
    const items: readonly unknown[] =
      typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : expect("a list");
    return items.map((item) => all.find((c) => c === item) ?? expect(`a list of ${all.join(", ")}`));
  };
  return setting(key, help, all.join(","), parse, fallback);
}
/** Either may be left out: absent is undefined. */
export function optional<T>(inner: Setting<T>): Setting<T | undefined> {
  return { ...inner, fallback: undefined, optional: true };
}
function expect(what: string): never {
  throw new RangeError(what);
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ValuesOf<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

export const flagOf = ({ key }: Pick<Setting<unknown>, "key">): string => `--${key.replaceAll("_", "-")}`;
export const variableOf = ({ key }: Pick<Setting<unknown>, "key">): string => `DRAGONFLOW_${key.toUpperCase()}`;
