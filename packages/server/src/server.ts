import { Metrics, type MetricsListener, type MetricsListenSettings, openMetricsListener } from "@dragonflow/metrics";
import { Engine } from "@dragonflow/neutron-api";
import { pino } from "pino";
import { openApi } from "./api-listener.ts";
import { Askers } from "./askers.ts";
import { Folding } from "./folding/folding.ts";
import { healthOf } from "./health.ts";
import { collectServer } from "./metrics/collected.ts";
import { SERVER_METRICS } from "./metrics/declared.ts";
import { measuredStore } from "./metrics/measured-store.ts";
import { openRelayListener } from "./relay-listener.ts";
import { loadSecret } from "./secret.ts";
import { type RunningServer, type ServerSettings, StartError } from "./settings.ts";
import { openStore } from "./stores.ts";

/**
 * One server process: a store, the Neutron API on it, the relay that offers it to controllers and further servers,
 * and the folding of what the controllers report.
 * @param signal gives up waiting for a store that is away.
 * @throws {StartError} | StoreError, with one line that says what is wrong; whatever was opened is closed again.
 */
export async function startServer(settings: ServerSettings, signal?: AbortSignal): Promise<RunningServer> {
  // Standard error: standard output belongs to whoever embeds the server.
  const log = pino({ name: settings.name, level: settings.logLevel }, pino.destination({ fd: 2, sync: true }));
  await using opened = new AsyncDisposableStack();
  const metrics = new Metrics(SERVER_METRICS);
  const { driver: store, isExclusive } = await openStore(settings.store, log, signal);
  opened.defer(() => store.close());
  const driver = measuredStore(store, metrics);
  const { networkType, underlay } = settings;
  const engine = new Engine(driver, {
    ...(networkType && { tenantNetworkType: networkType }),
    ...(underlay && { underlayMtuBytes: underlay.mtuBytes, underlayIpVersion: underlay.ipVersion }),
  });
  opened.defer(() => engine.close());
  await engine.read();

  const holder = isExclusive ? "the server that has the store" : undefined;
  const folding = new Folding({ engine, driver, log, holder });
  opened.defer(() => folding.close());
  const askers = new Askers(driver, log);
  opened.defer(() => askers.close());
  const relay =
    settings.relay === undefined
      ? undefined
      : await openRelayListener(settings.relay, driver, await loadSecret(settings.secretFile), log);
  opened.defer(async () => relay?.close());
  const health = (): ReturnType<typeof healthOf> => healthOf(driver, folding.state);
  const api = await openApi(engine, settings.api, { health, metrics, log });
  opened.defer(() => api.close());
  collectServer(metrics, { engine, folding, relay: relay?.relay });
  const scraped = settings.metrics && (await openMetrics(metrics, settings.metrics));
  opened.defer(async () => scraped?.close());
  log.info({ api: api.url, relay: relay?.url, metrics: scraped?.url, store: settings.store.url }, "serving");

  const running = opened.move();
  return {
    apiUrl: api.url,
    ...(relay === undefined ? {} : { relayUrl: relay.url }),
    ...(scraped === undefined ? {} : { metricsUrl: scraped.url }),
    async close() {
      await running.disposeAsync();
      log.info("closed");
    },
  };
}

async function openMetrics(
  metrics: Metrics<typeof SERVER_METRICS>,
  settings: MetricsListenSettings,
): Promise<MetricsListener> {
  try {
    return await openMetricsListener(metrics, settings);
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
