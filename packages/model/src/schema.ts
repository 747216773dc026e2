/**
 * Shapes of records, as values: one object is the TypeScript type, the check of what came from outside, and its documentation.
 * Unknown fields are kept (a controller one version older must not lose what a newer server wrote).
 */
export interface Shape<T> {
  /** Returns the value, typed. @throws {ShapeError} naming the path and the value. */
  readonly parse: (value: unknown, path: string) => T;
  readonly describe: string;
}
export type Infer<S> = S extends Shape<infer T> ? T : never;

export class ShapeError extends Error {
  override readonly name = "ShapeError";
  readonly path: string;
  constructor(path: string, expected: string, value: unknown) {
    super(`${path}: ${JSON.stringify(value)?.slice(0, 200) ?? "nothing"} is not ${expected}`);
    this.path = path;
  }
}

function shape<T>(describe: string, accepts: (value: unknown) => value is T): Shape<T> {
  return {
    describe,
    parse(value, path) {
      if (!accepts(value)) throw new ShapeError(path, describe, value);
      return value;
    },
  };
}

export const text: Shape<string> = shape("a string", (v) => typeof v === "string");
export const flag: Shape<boolean> = shape("true or false", (v) => typeof v === "boolean");

export function integer(min = 0, max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return shape(
    `an integer ${min}..${max}`,
    (v): v is number => Number.isInteger(v) && Number(v) >= min && Number(v) <= max,
  );
}

export function oneOf<const T extends string | number>(...values: readonly T[]): Shape<T> {
  const accepted: readonly unknown[] = values;
  return shape(`one of ${values.join(", ")}`, (v): v is T => accepted.includes(v));
}

export function nullable<T>(inner: Shape<T>): Shape<T | null> {
  return { describe: `${inner.describe} or null`, parse: (v, path) => (v === null ? null : inner.parse(v, path)) };
}

export function list<T>(inner: Shape<T>): Shape<readonly T[]> {
  return {
    describe: `a list of ${inner.describe}`,
    parse(value, path) {
      if (!Array.isArray(value)) throw new ShapeError(path, `a list of ${inner.describe}`, value);
      return value.map((item, i) => inner.parse(item, `${path}[${i}]`));
    },
  };
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
export type ObjectOf<F extends Fields> = { readonly [K in keyof F]: Infer<F[K]> };

export function object<F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const entries = Object.entries(fields);
  return {
    describe: `an object with ${Object.keys(fields).join(", ")}`,
    parse(value, path) {
      if (typeof value !== "object" || value === null || Array.isArray(value))
        throw new ShapeError(path, "an object", value);
      const source: Readonly<Record<string, unknown>> = { ...value };
      const parsed: Record<string, unknown> = { ...source };
      for (const [name, inner] of entries) parsed[name] = inner.parse(source[name], `${path}.${name}`);
      return isObjectOf<F>(parsed) ? parsed : fail(path, value);
    },
  };
}

/** Every field was parsed by its own shape just above; TypeScript cannot follow a loop over keys, hence this one assertion. */
function isObjectOf<F extends Fields>(value: object): value is ObjectOf<F> {
  return value !== null;
}
function fail(path: string, value: unknown): never {
  throw new ShapeError(path, "an object", value);
}
