import { ValueError } from "./errors.ts";

/** Where a server listens, as ovsdb(7) writes it. */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp" | "ssl"; readonly host: string; readonly port: number };

/** The port that IANA gave to OVSDB (RFC 7047 section 7). */
const defaultPort = 6640;

/**
 * Reads `unix:PATH`, `tcp:HOST[:PORT]` or `ssl:HOST[:PORT]`; an IPv6 address stands in brackets. The port is 6640
 * where none is given.
 * @throws {ValueError} `bad-address`
 */
export function parseAddress(text: string): Address {
  const [, kind, rest = ""] = /^(unix|tcp|ssl):(.+)$/.exec(text) ?? [];
  if (kind === "unix") return { kind, path: rest };
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  if ((kind !== "tcp" && kind !== "ssl") || host === undefined) {
    throw new ValueError("bad-address", `${JSON.stringify(text)} is not unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT`);
  }
  const number = port === undefined ? defaultPort : Number(port);
  if (number < 1 || number > 65535)
    throw new ValueError("bad-address", `${JSON.stringify(text)} has no port of 1..65535`);
  return { kind, host, port: number };
}
