import type { RawData } from "ws";

/** Reading of JSON that came over the wire: what is missing or of another type is a {@link ProtocolError} that names it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** The text of a WebSocket message. */
export function textOf(message: RawData): string {
  if (Buffer.isBuffer(message)) return message.toString("utf8");
  return (Array.isArray(message) ? Buffer.concat(message) : Buffer.from(message)).toString("utf8");
}

/** Its bytes. */
export function lengthOf(message: RawData): number {
  if (Buffer.isBuffer(message)) return message.length;
  return Array.isArray(message) ? message.reduce((sum, part) => sum + part.length, 0) : message.byteLength;
}

export type JsonObject = Readonly<Record<string, unknown>>;

function wrong(name: string, expected: string): never {
  throw new ProtocolError(`${name} is not ${expected}`);
}

export function parseJson(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError("a frame that is not JSON", { cause });
  }
  return asObject(value, "a frame");
}
function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
export function asObject(value: unknown, name: string): JsonObject {
  return isObject(value) ? value : wrong(name, "an object");
}
export function asText(value: unknown, name: string): string {
  return typeof value === "string" ? value : wrong(name, "text");
}
export function asNumber(value: unknown, name: string): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : wrong(name, "a number");
}
export function asFlag(value: unknown, name: string): boolean {
  return typeof value === "boolean" ? value : wrong(name, "true or false");
}
export function asList<T>(value: unknown, name: string, item: (value: unknown, name: string) => T): T[] {
  return Array.isArray(value) ? value.map((each: unknown) => item(each, name)) : wrong(name, "a list");
}
export function asTuple(value: unknown, name: string): readonly unknown[] {
  return Array.isArray(value) ? value : wrong(name, "a list");
}
export function asOneOf<const T extends string>(value: unknown, name: string, allowed: readonly T[]): T {
  return allowed.find((each) => each === value) ?? wrong(name, `one of ${allowed.join(", ")}`);
}
