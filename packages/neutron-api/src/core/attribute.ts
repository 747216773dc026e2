import { httpBadRequest } from "../errors.ts";
import type { Reader } from "./state.ts";

/**
 * Attributes of resources, declared: one row says what a client may send, what is checked, what is shown, and what lists can be filtered and sorted
 * by. Validation, views, filters, sorting and the reference documentation all derive from the rows.
 */
export interface Type<T> {
  /** Converts and checks what a client sent. @throws {Rejected} with the reason, or a NeutronError of its own. */
  readonly parse: (value: unknown) => T;
  /** What a filter's text stands for; the text itself if absent. @throws {NeutronError} */
  readonly fromQuery?: (text: string) => unknown;
}

/** Why a value is no good. Becomes "Invalid input for <attribute>. Reason: <reason>." */
export class Rejected extends Error {
  override readonly name = "Rejected";
}

/** Default of an attribute that may be left out, where leaving it out means something of its own. */
export const UNSPECIFIED: unique symbol = Symbol("unspecified");

export interface Attribute<O> {
  /** Only shown when absent. */
  readonly type?: Type<unknown>;
  /** May a POST / a PUT name it? */
  readonly post?: true;
  readonly put?: true;
  /** What a POST without it means. A POST must have the attributes that have none. */
  readonly default?: unknown;
  readonly filter?: true;
  readonly sort?: true;
  /** Accepted, never shown. */
  readonly hidden?: true;
  /** How it is computed where it is not the object's own field of that name. */
  readonly value?: (object: O, reader: Reader) => unknown;
}
export type Attributes<O> = Readonly<Record<string, Attribute<O>>>;

type ValueOf<X> = X extends { readonly type: Type<infer T> } ? T : never;

/** What a valid POST holds. */
export type PostOf<A> = {
  readonly [K in keyof A as A[K] extends { readonly post: true } ? K : never]: A[K] extends {
    readonly default: typeof UNSPECIFIED;
  }
    ? ValueOf<A[K]> | undefined
    : ValueOf<A[K]>;
};
/** What a valid PUT holds: `undefined` means unchanged. */
export type PutOf<A> = {
  readonly [K in keyof A as A[K] extends { readonly put: true } ? K : never]?: ValueOf<A[K]> | undefined;
};

export type Input = Readonly<Record<string, unknown>>;

export function isInput(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Each attribute was parsed by its own type just above; TypeScript cannot follow a loop over keys, hence these two guards. */
function isPost<A>(values: Input): values is PostOf<A> & Input {
  return isInput(values);
}
function isPut<A>(values: Input): values is PutOf<A> & Input {
  return isInput(values);
}

/**
 * Refuses text, at any depth of a value and among its keys, that no store keeps as it is: NUL ends a text in many of them, and half of a surrogate
 * pair has no form in UTF-8 (RFC 3629 section 3), so that it would come back as another character.
 * @returns the value. @throws {Rejected}
 */
export function checkCharacters(value: unknown): unknown {
  if (typeof value === "string") {
    if (value.includes("\0")) throw new Rejected("Text must not contain NUL characters");
    if (!value.isWellFormed()) throw new Rejected("Text must not contain lone surrogates");
  } else if (Array.isArray(value)) value.forEach(checkCharacters);
  else if (isInput(value)) Object.entries(value).forEach(checkCharacters);
  return value;
}

function parseValue(name: string, type: Type<unknown>, value: unknown): unknown {
  try {
    return type.parse(checkCharacters(value));
  } catch (reason) {
    if (reason instanceof Rejected) throw httpBadRequest(`Invalid input for ${name}. Reason: ${reason.message}.`);
    throw reason;
  }
}

function checkKnown<O>(attributes: Attributes<O>, input: Input): void {
  const unknown = Object.keys(input).filter((name) => !Object.hasOwn(attributes, name));
  if (unknown.length > 0) throw httpBadRequest(`Unrecognized attribute(s) '${unknown.join(", ")}'`);
}

export function parsePost<O, A extends Attributes<O>>(attributes: A, input: Input): PostOf<A> {
  checkKnown(attributes, input);
  for (const [name, attribute] of Object.entries(attributes)) {
    const given = Object.hasOwn(input, name);
    if (attribute.post === undefined && given) throw httpBadRequest(`Attribute '${name}' not allowed in POST`);
    if (attribute.post === true && !given && !Object.hasOwn(attribute, "default"))
      throw httpBadRequest(`Failed to parse request. Required attribute '${name}' not specified`);
  }
  const values: Record<string, unknown> = {};
  for (const [name, attribute] of Object.entries(attributes)) {
    if (attribute.post === undefined || attribute.type === undefined) continue;
    if (Object.hasOwn(input, name)) values[name] = parseValue(name, attribute.type, input[name]);
    else values[name] = attribute.default === UNSPECIFIED ? undefined : attribute.default;
  }
  if (!isPost<A>(values)) throw new TypeError("unreachable: an object is an object");
  return values;
}

export function parsePut<O, A extends Attributes<O>>(attributes: A, input: Input): PutOf<A> {
  checkKnown(attributes, input);
  const values: Record<string, unknown> = {};
  for (const [name, attribute] of Object.entries(attributes)) {
    if (!Object.hasOwn(input, name)) continue;
    if (attribute.put === undefined || attribute.type === undefined)
      throw httpBadRequest(`Cannot update read-only attribute ${name}`);
  }
  for (const [name, attribute] of Object.entries(attributes)) {
    if (Object.hasOwn(input, name) && attribute.type !== undefined)
      values[name] = parseValue(name, attribute.type, input[name]);
  }
  if (!isPut<A>(values)) throw new TypeError("unreachable: an object is an object");
  return values;
}

/** The value of one attribute of an object, as lists filter and sort by it and as it is shown. */
export function valueOf<O extends object>(attributes: Attributes<O>, name: string, object: O, reader: Reader): unknown {
  const attribute = attributes[name];
  return attribute?.value === undefined ? Reflect.get(object, name) : attribute.value(object, reader);
}

/** An object as clients see it: every visible attribute, or those of `fields` only (none named: all). */
export function viewOf<O extends object>(
  attributes: Attributes<O>,
  object: O,
  reader: Reader,
  fields: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  const view: Record<string, unknown> = {};
  for (const name of Object.keys(attributes)) {
    if (attributes[name]?.hidden === true || (fields.size > 0 && !fields.has(name))) continue;
    view[name] = valueOf(attributes, name, object, reader);
  }
  return view;
}
