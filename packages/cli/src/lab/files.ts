import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Lab } from "@dragonflow/lab";
import { ensureTls, loadSecret, type NetworkType } from "@dragonflow/server";
import { mintToken } from "@dragonflow/store";
import { stringify } from "smol-toml";

/** What the server and the controllers of a lab share: one configuration file, as a cloud of real hosts would have it. */
export interface LabSettings {
  /** Ports. */
  readonly api: number;
  readonly relay: number;
  /** URL. */
  readonly store: string;
  /** Undefined: the server's own default. */
  readonly networkType?: NetworkType | undefined;
}

const at = (lab: Lab, file: string): string => join(lab.directory, file);
export const configFile = (lab: Lab): string => at(lab, "dragonflow.toml");
const secretFile = (lab: Lab): string => at(lab, "secret");
export const tokenFile = (lab: Lab, chassis: string): string => at(lab, join("tokens", chassis));

/** Certificates, secret and configuration; the lab's directory is its owner's alone. */
export async function writeConfiguration(lab: Lab, { api, relay, store, networkType }: LabSettings): Promise<void> {
  const tls = await ensureTls(at(lab, "tls"));
  await loadSecret(secretFile(lab));
  const sections = {
    server: {
      name: `lab-${lab.name}`,
      api_host: "127.0.0.1",
      api_port: api,
      ...(networkType === undefined ? {} : { network_type: networkType }),
      store,
      relay_host: "127.0.0.1",
      relay_port: relay,
      tls_cert_file: tls.certFile,
      tls_key_file: tls.keyFile,
      secret_file: secretFile(lab),
    },
    controller: {
      server: `wss://127.0.0.1:${relay}`,
      ca_file: tls.caFile,
    },
  };
  await writeFile(configFile(lab), `${stringify(sections)}\n`, { mode: 0o600 });
}

export async function writeToken(lab: Lab, chassis: string): Promise<void> {
  const file = tokenFile(lab, chassis);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${mintToken(await loadSecret(secretFile(lab)), `chassis:${chassis}`)}\n`, { mode: 0o600 });
}
