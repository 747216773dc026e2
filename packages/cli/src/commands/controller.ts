import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { startController } from "@dragonflow/controller";
import { pino } from "pino";
import { readNamed } from "../config/files.ts";
import { settingsOf } from "../config/flags.ts";
import { readCertificates } from "../config/pem.ts";
import { metricsOf } from "../config/sections.ts";
import { listenForEnding, untilEnded } from "../ending.ts";
import { VERSION } from "../version.ts";

/** Runs until a signal, and leaves the switch as it is then: packets go on. */
export async function controller(options: Readonly<Record<string, unknown>>): Promise<void> {
  const { server, tokenFile, caFile, logLevel, metricsHost, metricsPort, metricsConnections, ...settings } = settingsOf(
    "controller",
    options,
  );
  const metrics = metricsOf({ metricsHost, metricsPort, metricsConnections });
  const signal = listenForEnding();
  const [token, ca] = await Promise.all([readNamed("token_file", tokenFile), readCertificates("ca_file", caFile)]);
  // Standard error, line by line: what a dying controller said last must be there.
  const log = pino({ name: settings.chassis, level: logLevel }, pino.destination({ fd: 2, sync: true }));
  await mkdir(dirname(settings.socket), { recursive: true });
  await untilEnded(signal, () =>
    startController(
      { ...settings, ...(metrics === undefined ? {} : { metrics }), release: VERSION },
      { url: server, token: token.trim(), ca },
      log,
      signal,
    ),
  );
}
