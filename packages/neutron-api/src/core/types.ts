import { invalidInput } from "../errors.ts";
import { formatIp, parseIp, parsePrefix } from "../ipam/addresses.ts";
import { type Input, isInput, Rejected, type Type } from "./attribute.ts";
import { pythonText } from "./python-text.ts";

/** The scalar types of attributes: what Neutron accepts, turned into one canonical form, and refused in Neutron's words. */

/** Longest list that any attribute accepts, so that no request costs more than its size. */
export const LIST_LIMIT = 1000;

export function checkText(value: unknown, maxLength: number): string {
  if (typeof value !== "string") throw new Rejected(`'${pythonText(value)}' is not a valid string`);
  // Counted as Python does, in code points.
  if (value.length > maxLength && Array.from(value).length > maxLength)
    throw new Rejected(`'${value}' exceeds maximum length of ${maxLength}`);
  return value;
}

export const text = (maxLength: number): Type<string> => ({ parse: (value) => checkText(value, maxLength) });
export const textOrNull = (maxLength: number): Type<string | null> => ({
  parse: (value) => (value === null ? null : checkText(value, maxLength)),
});

const TRUE_TEXTS: readonly string[] = ["1", "t", "true", "on", "y", "yes"];
const FALSE_TEXTS: readonly string[] = ["0", "f", "false", "off", "n", "no"];

function parseBoolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  const word = pythonText(value).trim().toLowerCase();
  if (TRUE_TEXTS.includes(word)) return true;
  if (FALSE_TEXTS.includes(word)) return false;
  throw invalidInput(`'${pythonText(value)}' cannot be converted to boolean`);
}
export const boolean: Type<boolean> = { parse: parseBoolean, fromQuery: parseBoolean };

/** As Python's int(): integers, integral text, and numbers cut at the point. */
export function parseInteger(value: unknown): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value === "string" && /^\s*[+-]?\d{1,16}\s*$/.test(value)) return Number(value);
  throw invalidInput(`'${pythonText(value)}' is not an integer`);
}

export function integerOf(...accepted: readonly number[]): Type<number> {
  return {
    fromQuery: parseInteger,
    parse(value) {
      const number = parseInteger(value);
      if (!accepted.includes(number)) throw new Rejected(`${number} is not in valid_values`);
      return number;
    },
  };
}
export const nonNegative: Type<number> = {
  fromQuery: parseInteger,
  parse(value) {
    const number = parseInteger(value);
    if (number < 0) throw new Rejected(`'${number}' should be non-negative`);
    return number;
  },
};
export const integer: Type<number> = { parse: parseInteger, fromQuery: parseInteger };
export function integerRange(min: number, max: number): Type<number> {
  return {
    fromQuery: parseInteger,
    parse(value) {
      const number = parseInteger(value);
      if (number < min) throw new Rejected(`'${number}' is too small - must be at least '${min}'`);
      if (number > max) throw new Rejected(`'${number}' is too large - must be no larger than '${max}'`);
      return number;
    },
  };
}

export function oneOf<const T extends string>(...accepted: readonly T[]): Type<T> {
  const isAccepted = (value: unknown): value is T => accepted.some((item) => item === value);
  return {
    parse(value) {
      if (!isAccepted(value)) throw new Rejected(`${pythonText(value)} is not in valid_values`);
      return value;
    },
  };
}

/** Thirty-two hex digits, hyphens anywhere: what Python's uuid module takes. */
export function isUuidLike(value: unknown): value is string {
  return (
    typeof value === "string" && /^[0-9a-f]{32}$/i.test(value.replaceAll("-", "").replaceAll(/urn:uuid:|[{}]/g, ""))
  );
}
export function checkUuid(value: unknown): string {
  if (!isUuidLike(value)) throw new Rejected(`'${pythonText(value)}' is not a valid UUID`);
  return value;
}
export const uuid: Type<string> = { parse: checkUuid };
export const uuidOrNull: Type<string | null> = { parse: (value) => (value === null ? null : checkUuid(value)) };

/** @returns canonical text. */
export function checkIp(value: unknown): string {
  const invalid = () => new Rejected(`'${pythonText(value)}' is not a valid IP address`);
  if (typeof value !== "string") throw invalid();
  const ip = parseIp(value);
  if (ip === undefined) throw invalid();
  const canonical = formatIp(ip);
  if (ip.version === 4 && canonical !== value)
    throw new Rejected(`'${value}' is not an accepted IP address, '${canonical}' is recommended`);
  return canonical;
}
/** A filter's address in the form that objects keep; other text stays as it is, and matches nothing. */
export function canonicalIp(value: string): string {
  const ip = parseIp(value);
  return ip === undefined ? value : formatIp(ip);
}
export const ipOrNull: Type<string | null> = {
  parse: (value) => (value === null ? null : checkIp(value)),
  fromQuery: canonicalIp,
};

/** A network with its length; host bits are allowed here and cut by who needs a network. @returns canonical text. */
export function checkPrefix(value: unknown): string {
  const prefix = typeof value === "string" ? parsePrefix(value) : undefined;
  if (prefix === undefined || typeof value !== "string")
    throw new Rejected(`'${pythonText(value)}' is not a valid IP subnet`);
  const canonical = `${formatIp({ version: prefix.version, value: prefix.ip })}/${prefix.length}`;
  if (!value.includes("/") || (prefix.version === 4 && canonical !== value)) {
    const network = formatIp({ version: prefix.version, value: prefix.first });
    throw new Rejected(`'${value}' isn't a recognized IP subnet cidr, '${network}/${prefix.length}' is recommended`);
  }
  return canonical;
}
function cidrToCanonical(value: unknown): string {
  const prefix = typeof value === "string" ? parsePrefix(value) : undefined;
  if (prefix === undefined) throw invalidInput(`${pythonText(value)} is not in a CIDR format`);
  return `${formatIp({ version: prefix.version, value: prefix.ip })}/${prefix.length}`;
}
export const cidr: Type<string> = { parse: (value) => checkPrefix(cidrToCanonical(value)), fromQuery: cidrToCanonical };

const FORBIDDEN_MACS: readonly string[] = ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"];

/** Any of the usual ways to write a MAC address. @returns lower-case, with colons; undefined if it is none. */
export function canonicalMac(value: unknown): string | undefined {
  if (typeof value !== "string" || /\s/.test(value)) return undefined;
  const separated = value.split(/[:-]/);
  const octets =
    separated.length === 6 && separated.every((octet) => /^[0-9a-f]{1,2}$/i.test(octet))
      ? separated
      : value
          .replaceAll(".", "")
          .match(/^[0-9a-f]{12}$/i)?.[0]
          .match(/../g);
  return octets?.map((octet) => octet.toLowerCase().padStart(2, "0")).join(":");
}
export function checkMac(value: unknown): string {
  const mac = canonicalMac(value);
  if (mac === undefined || FORBIDDEN_MACS.includes(mac))
    throw new Rejected(`'${pythonText(value)}' is not a valid MAC address`);
  return mac;
}
/** null asks for a new one. */
export const macOrNull: Type<string | null> = {
  parse: (value) => (value === null ? null : checkMac(value)),
  fromQuery: (value) => canonicalMac(value) ?? value,
};

export function checkList(value: unknown, notAList: (value: unknown) => string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Rejected(notAList(value));
  if (value.length > LIST_LIMIT) throw new Rejected(`A list must not have more than ${LIST_LIMIT} items`);
  return value;
}

/** A list that has nothing twice. */
export function checkDistinct(value: unknown): readonly unknown[] {
  const items = checkList(value, (v) => `'${pythonText(v)}' is not a list`);
  const repeated = items.filter((item, i) => items.indexOf(item) !== i);
  if (repeated.length > 0)
    throw new Rejected(`Duplicate items in the list: '${[...new Set(repeated)].map(pythonText).join(", ")}'`);
  return items;
}

export function uniqueTexts(maxLength: number): Type<readonly string[]> {
  return { parse: (value) => checkDistinct(value).map((item) => checkText(item, maxLength)) };
}

/** null is a list of none. */
export const uniqueUuids: Type<readonly string[]> = {
  parse: (value) => (value === null ? [] : checkDistinct(value).map(checkUuid)),
};

export const dictionary: Type<Input> = {
  parse(value) {
    if (value === null) return {};
    if (!isInput(value)) throw new Rejected(`'${pythonText(value)}' is not a dictionary`);
    return value;
  },
};

/** Names of up to 255 characters: RFC 952, RFC 1123 section 2.1. "" is no name. */
function checkDnsFormat(name: string): void {
  const refuse = (reason: string) => new Rejected(`'${name}' not a valid PQDN or FQDN. Reason: ${reason}`);
  const trimmed = name.endsWith(".") ? name.slice(0, -1) : name;
  if (trimmed.length > 255) throw refuse(`'${trimmed}' exceeds the 255 character FQDN limit`);
  const labels = trimmed.split(".");
  for (const label of labels) {
    if (label === "") throw refuse("Encountered an empty component");
    if (label.startsWith("-") || label.endsWith("-"))
      throw refuse(`Name '${label}' must not start or end with a hyphen`);
    if (!/^[a-z0-9-]{1,63}$/i.test(label))
      throw refuse(`Name '${label}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen`);
  }
  const last = labels.at(-1) ?? "";
  if (labels.length > 1 && /^[0-9]+$/.test(last)) throw refuse(`TLD '${last}' must not be all numeric`);
}

function lowerCase(value: unknown): string {
  if (typeof value !== "string") throw invalidInput(`Input value ${pythonText(value)} must be string type`);
  return value.toLowerCase();
}
export const dnsName: Type<string> = {
  parse(value) {
    const name = lowerCase(value);
    if (name !== "") checkDnsFormat(name);
    return name;
  },
};
export const dnsDomain: Type<string> = {
  parse(value) {
    const name = lowerCase(value);
    if (name === "") return name;
    if (!name.endsWith(".")) throw new Rejected(`'${name}' is not a FQDN`);
    checkDnsFormat(name);
    if (name.length > 253)
      throw new Rejected(
        `'${name}' contains ${name.length} characters. Adding a sub-domain will cause it to exceed the maximum length of a FQDN of '255'`,
      );
    return name;
  },
};
