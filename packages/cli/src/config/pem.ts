import { createPrivateKey, X509Certificate } from "node:crypto";
import { readNamed } from "./files.ts";
import { ConfigError } from "./settings.ts";

/**
 * The certificates in a file that a setting names, each of them looked at: TLS passes over what it cannot read, and then no connection comes about
 * for a reason that nobody sees.
 * @returns the text of the file
 * @throws {ConfigError} naming the setting and the file
 */
export async function readCertificates(key: string, file: string): Promise<string> {
  const text = await readNamed(key, file);
  // Keys and comments may stand beside them (RFC 7468 section 5.2).
  const blocks = text.split(/(?=-----BEGIN )/).filter((block) => /^-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(block));
  if (blocks.length === 0) throw new ConfigError(`${key}: ${file} holds no certificate in PEM`);
  for (const [i, block] of blocks.entries())
    check(`${key}: ${file}: certificate ${i + 1}`, () => new X509Certificate(block));
  return text;
}

/** @returns the text of the file. @throws {ConfigError} naming the setting and the file */
export async function readPrivateKey(key: string, file: string): Promise<string> {
  const text = await readNamed(key, file);
  check(`${key}: ${file}: the private key`, () => createPrivateKey(text));
  return text;
}

function check(what: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    throw new ConfigError(`${what} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
