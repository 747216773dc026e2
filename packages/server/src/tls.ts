import { execFile } from "node:child_process";
import { access, chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { StartError } from "./settings.ts";

/** Paths of PEM files. `caFile` is what clients are given. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

const run = promisify(execFile);
const DAYS = "3650";
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];

/** What the server's certificate is good for (RFC 5280 section 4.2.1): these names, this use, and no signing. */
const SERVER_EXTENSIONS = `basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1
`;

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function openssl(directory: string, ...args: readonly string[]): Promise<void> {
  try {
    await run("openssl", args, { cwd: directory });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot make a certificate with openssl: ${words.trim().split("\n").at(-1) ?? ""}`, {
      cause: error,
    });
  }
}

/**
 * A certificate authority and a server's certificate signed by it, for labs: valid for localhost, 127.0.0.1 and ::1.
 * Made with the `openssl` command where the directory has none; a directory that has them is left as it is. The
 * authority's own key is not kept: it signs this one certificate.
 * @throws {StartError} when openssl is missing or fails.
 */
export async function ensureTls(directory: string): Promise<TlsFiles> {
  const names = ["server.pem", "server-key.pem", "ca.pem"] as const;
  const [certFile, keyFile, caFile] = names.map((name) => join(directory, name));
  if (certFile === undefined || keyFile === undefined || caFile === undefined) throw new RangeError("three names");
  const files: TlsFiles = { certFile, keyFile, caFile };
  // The certificate comes last, so it says that all are there.
  if (await exists(certFile)) return files;

  await mkdir(directory, { recursive: true });
  const draft = await mkdtemp(join(directory, ".tls-"));
  try {
    await writeFile(join(draft, "extensions"), SERVER_EXTENSIONS);
    const subject = (name: string): readonly string[] => ["-subj", `/O=Dragonflow/CN=${name}`];
    await openssl(
      draft,
      "req",
      "-x509",
      ...KEY,
      "-days",
      DAYS,
      ...subject("lab CA"),
      "-keyout",
      "ca-key.pem",
      "-out",
      "ca.pem",
    );
    await openssl(
      draft,
      "req",
      "-new",
      ...KEY,
      ...subject("server"),
      "-keyout",
      "server-key.pem",
      "-out",
      "request.pem",
    );
    const signer = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"];
    await openssl(
      draft,
      "x509",
      "-req",
      "-in",
      "request.pem",
      ...signer,
      "-days",
      DAYS,
      "-extfile",
      "extensions",
      "-out",
      "server.pem",
    );
    await chmod(join(draft, "server-key.pem"), 0o600);
    for (const name of names.toReversed()) await rename(join(draft, name), join(directory, name));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return files;
}
