/** The relay of a lab's server, for clients that the lab does not know: chassis without a host, onlookers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openLab } from "@dragonflow/lab";
import { loadSecret } from "@dragonflow/server";
import { connectRelay, mintToken, type StoreDriver, type Subject } from "@dragonflow/store";

export interface RelayAccess {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly secret: Uint8Array;
}

export async function relayAccess(labName: string): Promise<RelayAccess> {
  const { directory } = await openLab(labName);
  const text = (file: string): string => readFileSync(join(directory, file), "utf8");
  const url = /^server = "(.*)"$/m.exec(text("dragonflow.toml"))?.[1];
  if (url === undefined) throw new Error("the lab's configuration names no relay");
  const ca = text(/^ca_file = ".*\/(tls\/.*)"$/m.exec(text("dragonflow.toml"))?.[1] ?? "tls/ca.pem");
  return { url, ca, secret: await loadSecret(join(directory, "secret")) };
}

/** What the lab's server shows to its clients, with the key to it: for who has to stand between them. */
export async function relayCertificate(labName: string): Promise<{ readonly cert: string; readonly key: string }> {
  const { directory } = await openLab(labName);
  const text = (name: string): string => readFileSync(join(directory, "tls", name), "utf8");
  return { cert: text("server.pem"), key: text("server-key.pem") };
}

export function connectAs(subject: Subject, { url, ca, secret }: RelayAccess): Promise<StoreDriver> {
  return connectRelay(url, { token: mintToken(secret, subject), ca });
}
