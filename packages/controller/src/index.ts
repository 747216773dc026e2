/** The local controller: the only thing on a host that does I/O for Dragonflow. */
import { Metrics, openMetricsListener } from "@dragonflow/metrics";
import { connectRelay, type StoreDriver } from "@dragonflow/store";
import { Controller } from "./controller.ts";
import { Window } from "./introspection/window.ts";
import { showUnconnected } from "./metrics/collected.ts";
import { CONTROLLER_METRICS } from "./metrics/declared.ts";
import type { ControllerSettings, Log } from "./settings.ts";

export { APPS, pipeline } from "./apps.ts";
export { Compiler } from "./compiler.ts";
export { CONTROLLER_METRICS } from "./metrics/declared.ts";
export { type Compiled, dispatch } from "./dispatch.ts";
export type { FlowView } from "./introspection/flow-view.ts";
export { Northbound, type NorthboundListener } from "./northbound/northbound.ts";
export { parseRecord, toRowChange } from "./northbound/rows.ts";
export type { ControllerSettings, Log } from "./settings.ts";
export { StatusWriter } from "./status/status-writer.ts";
export { SwitchDriver } from "./switch/driver.ts";
export { addition, packFlow } from "./switch/plan.ts";

export interface StoreAddress {
  /** `wss://host:port` of a server's relay. */
  readonly url: string;
  /** The chassis's token. */
  readonly token: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
}

/** A controller that runs. */
export interface RunningController {
  /** `http://host:port/metrics`, where the settings ask for it. */
  readonly metricsUrl?: string;
  /** Rejects where it cannot go on: the store refuses it, the local database is not one it knows. */
  readonly failure: Promise<never>;
  /** Stops, and leaves everything in the switch as it is: packets go on. */
  close(): Promise<void>;
}

/**
 * Opens the controller's own socket, connects to the store by a relay, and starts the controller of this host. The store may come later: it goes on
 * trying, and nothing in the switch is touched before.
 * @param signal gives up the first connection.
 * @throws {Forbidden} the token is not accepted; `signal.reason`; an error that says so where another controller runs on this host.
 */
export async function startController(
  settings: ControllerSettings,
  store: StoreAddress,
  log: Log,
  signal?: AbortSignal,
): Promise<RunningController> {
  const metrics = new Metrics(CONTROLLER_METRICS);
  showUnconnected(metrics);
  // Before the first connection, so that somebody sees that there is none.
  const scraped = settings.metrics && (await openMetricsListener(metrics, settings.metrics));
  if (scraped !== undefined) log.info({ metrics: scraped.url }, "serving metrics");
  try {
    const controller = await connectController(settings, store, log, metrics, signal);
    return {
      ...(scraped === undefined ? {} : { metricsUrl: scraped.url }),
      failure: controller.failure,
      async close() {
        await Promise.all([scraped?.close(), controller.close()]);
      },
    };
  } catch (error) {
    await scraped?.close();
    throw error;
  }
}

async function connectController(
  settings: ControllerSettings,
  { url, token, ca }: StoreAddress,
  log: Log,
  metrics: Metrics<typeof CONTROLLER_METRICS>,
  signal: AbortSignal | undefined,
): Promise<RunningController> {
  const { socket } = settings;
  const window = await Window.open(socket, (error) => log.warn({ socket, error: error.message }, "own socket"));
  window.waitsFor(`the server at ${url}`);
  const onError = (reason: unknown): void => {
    const error = reason instanceof Error ? reason.message : String(reason);
    window.waitsFor(`the server at ${url}: ${error}`);
    log.warn({ server: url, error }, "the server is not reached");
  };
  let driver: StoreDriver | undefined;
  try {
    driver = await connectRelay(url, { token, ca, onError, ...(signal === undefined ? {} : { signal }) });
    log.info({ server: url }, "connected to the server");
    const controller = new Controller(settings, driver, log, metrics);
    window.show(controller);
    return {
      failure: controller.failure,
      async close() {
        await Promise.all([window.close(), controller.close()]);
      },
    };
  } catch (error) {
    await Promise.all([window.close(), driver?.close()]);
    throw error;
  }
}
