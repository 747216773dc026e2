import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority, and one certificate of it for servers and clients on 127.0.0.1; made once in a directory. */
export function makeTls(directory: string): TlsFiles {
  const [caFile = "", certFile = "", keyFile = ""] = ["ca.pem", "cert.pem", "key.pem"].map((name) =>
    join(directory, name),
  );
  if (existsSync(certFile)) return { caFile, certFile, keyFile };
  const openssl = (...args: readonly string[]): unknown =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];
  openssl("req", "-x509", ...key, "-subj", "/CN=tests", "-days", "2", "-keyout", "ca-key.pem", "-out", "ca.pem");
  writeFileSync(join(directory, "extensions"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n");
  openssl("req", "-new", ...key, "-subj", "/CN=dragonflow", "-keyout", "key.pem", "-out", "request.pem");
  const signer = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "extensions", "-days", "2"];
  openssl("x509", "-req", "-in", "request.pem", ...signer, "-out", "cert.pem");
  return { caFile, certFile, keyFile };
}
