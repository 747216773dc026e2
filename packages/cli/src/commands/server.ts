import { startServer } from "@dragonflow/server";
import { readNamed } from "../config/files.ts";
import { settingsOf } from "../config/flags.ts";
import { readCertificates, readPrivateKey } from "../config/pem.ts";
import { metricsOf, type SERVER } from "../config/sections.ts";
import { ConfigError, type ValuesOf } from "../config/settings.ts";
import { listenForEnding, untilEnded } from "../ending.ts";

/** Runs until a signal; requests in flight are answered then. */
export async function server(options: Readonly<Record<string, unknown>>): Promise<void> {
  const settings = settingsOf("server", options);
  const signal = listenForEnding();
  const { name, apiHost, apiPort, apiConnections, networkType, underlayMtu, underlayIpVersion, secretFile, logLevel } =
    settings;
  const [relay, store] = [await relayOf(settings), await storeOf(settings)];
  const metrics = metricsOf(settings);
  await untilEnded(signal, () =>
    startServer(
      {
        name,
        api: { host: apiHost, port: apiPort, connections: apiConnections },
        networkType,
        underlay: { mtuBytes: underlayMtu, ipVersion: underlayIpVersion === "6" ? 6 : 4 },
        store,
        ...(relay === undefined ? {} : { relay }),
        ...(metrics === undefined ? {} : { metrics }),
        secretFile,
        logLevel,
      },
      signal,
    ),
  );
}

type Values = ValuesOf<typeof SERVER>;

async function storeOf({ store, storeTokenFile, storeCaFile }: Values) {
  if (storeCaFile !== undefined) await readCertificates("store_ca_file", storeCaFile);
  return {
    url: store,
    ...(storeTokenFile === undefined ? {} : { token: (await readNamed("store_token_file", storeTokenFile)).trim() }),
    ...(storeCaFile === undefined ? {} : { caFile: storeCaFile }),
  };
}

async function relayOf({ relayHost, relayPort, relayConnections, tlsCertFile, tlsKeyFile }: Values) {
  if (relayPort === undefined) return undefined;
  if (tlsCertFile === undefined || tlsKeyFile === undefined)
    throw new ConfigError("a relay speaks TLS: with relay_port give tls_cert_file and tls_key_file");
  await Promise.all([readCertificates("tls_cert_file", tlsCertFile), readPrivateKey("tls_key_file", tlsKeyFile)]);
  return {
    host: relayHost,
    port: relayPort,
    connections: relayConnections,
    certFile: tlsCertFile,
    keyFile: tlsKeyFile,
  };
}
