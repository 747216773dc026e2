/**
 * The same requests to a real Neutron and to this server. A call names what it makes (`save`), and later calls refer to it as `$name`, in paths and
 * bodies; answers come out with ids, times and other accidents replaced, so that two servers can be compared.
 */
export interface Call {
  readonly name: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "PATCH";
  readonly path: string;
  readonly body?: unknown;
  /** Sent as it is instead of `body`. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What to remember of the answer: name -> path of keys and indexes in its body. */
  readonly save?: Readonly<Record<string, string>>;
  /** Keys whose values are left to chance. */
  readonly ignore?: readonly string[];
}
export type Extra = Omit<Call, "name" | "method" | "path" | "body">;

/** What came back, freed of accidents. */
export interface Outcome {
  readonly name: string;
  readonly status: number;
  readonly body: unknown;
}

export interface Response {
  readonly status: number;
  readonly text: string;
}
/** Sends one request. The path starts behind the server's address. */
export type Send = (
  method: Call["method"],
  path: string,
  body: string | undefined,
  headers: Readonly<Record<string, string>>,
) => Promise<Response>;

export const get = (name: string, path: string, extra: Extra = {}): Call => ({ name, method: "GET", path, ...extra });
export const post = (name: string, path: string, body: unknown, extra: Extra = {}): Call => ({
  name,
  method: "POST",
  path,
  body,
  ...extra,
});
export const put = (name: string, path: string, body: unknown, extra: Extra = {}): Call => ({
  name,
  method: "PUT",
  path,
  body,
  ...extra,
});
export const remove = (name: string, path: string, extra: Extra = {}): Call => ({
  name,
  method: "DELETE",
  path,
  ...extra,
});

/** One call per bad value of one attribute. */
export function bad(
  path: string,
  resource: string,
  base: Readonly<Record<string, unknown>>,
  attribute: string,
  values: readonly unknown[],
): readonly Call[] {
  return values.map((value, i) =>
    post(`POST ${path} ${attribute} bad ${i + 1}: ${JSON.stringify(value).slice(0, 60)}`, path, {
      [resource]: { ...base, [attribute]: value },
    }),
  );
}

type Names = Map<string, string>;

function fill(value: unknown, names: Names): unknown {
  if (typeof value === "string")
    return value.replaceAll(/\$([a-z]\w*)/gi, (text, name: string) => names.get(name) ?? text);
  if (Array.isArray(value)) return value.map((item) => fill(item, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, names)]));
}

function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((v, key) => (typeof v === "object" && v !== null ? Reflect.get(v, key) : undefined), value);
}

function withoutAccidents(text: string, names: Names): string {
  let plain = text;
  for (const [name, value] of names) if (value.length > 8) plain = plain.replaceAll(value, `$${name}`);
  return plain
    .replaceAll(/https?:\/\/[^/"]+/g, "<origin>")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uuid>")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "<time>")
    .replaceAll(/current revision is \d+/g, "current revision is <number>")
    .replaceAll(/\{('[a-z_]+'(?:, '[a-z_]+')*)\}/g, (_, set: string) => `{${set.split(", ").sort().join(", ")}}`)
    .replaceAll(/fa:16:3e:[0-9a-f:]{8}/g, "<mac>");
}

/** Numbers that are drawn, or counted differently. */
const CHANCE: readonly string[] = ["revision_number", "provider:segmentation_id"];

function normalize(value: unknown, names: Names, ignore: readonly string[]): unknown {
  if (typeof value === "string") return withoutAccidents(value, names);
  if (Array.isArray(value)) {
    const items = value.map((item) => normalize(item, names, ignore));
    return items
      .map((item) => ({ item, key: JSON.stringify(item) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ item }) => item);
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    if (ignore.includes(key)) return [key, "<ignored>"];
    return [key, CHANCE.includes(key) && typeof item === "number" ? "<number>" : normalize(item, names, ignore)];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return "<no JSON>";
  }
}

/** Runs the calls one after the other. Stops at a call that does not give what it has to save: all after it would be noise. */
export async function runCalls(calls: readonly Call[], send: Send): Promise<readonly Outcome[]> {
  const names: Names = new Map();
  const outcomes: Outcome[] = [];
  for (const call of calls) {
    const body = call.text ?? (call.body === undefined ? undefined : JSON.stringify(fill(call.body, names)));
    const headers = { "content-type": "application/json", ...call.headers };
    const response = await send(call.method, String(fill(call.path, names)), body, headers);
    const answer = parse(response.text);
    for (const [name, path] of Object.entries(call.save ?? {})) {
      const value = at(answer, path);
      if (typeof value !== "string" && typeof value !== "number")
        throw new Error(`${call.name}: no ${path} in ${response.status} ${response.text.slice(0, 500)}`);
      names.set(name, String(value));
    }
    outcomes.push({ name: call.name, status: response.status, body: normalize(answer, names, call.ignore ?? []) });
  }
  return outcomes;
}
