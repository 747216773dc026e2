/** The local controller: the only thing on a host that does I/O for Dragonflow. */
import { connectRelay } from "@dragonflow/store";
import { Controller } from "./controller.ts";
import type { ControllerSettings, Log } from "./settings.ts";

export { APPS, pipeline } from "./apps.ts";
export { Controller } from "./controller.ts";
export type { FlowView } from "./introspection.ts";
export type { ControllerSettings, Log } from "./settings.ts";
export { SwitchDriver } from "./switch/driver.ts";
export { dispatch } from "./dispatch.ts";

export interface StoreAddress {
  /** `wss://host:port` of a server's relay. */
  readonly url: string;
  /** The chassis's token. */
  readonly token: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
}

/**
 * Connects to the store by a relay, and starts the controller of this host. The store may come later: it goes on trying.
 * @param signal gives up the first connection.
 * @throws {Forbidden} the token is not accepted; `signal.reason`.
 */
export async function startController(
  settings: ControllerSettings,
  store: StoreAddress,
  log: Log,
  signal?: AbortSignal,
): Promise<Controller> {
  const { url, token, ca } = store;
  const onError = (error: unknown): void =>
    log.warn(
      { server: url, error: error instanceof Error ? error.message : String(error) },
      "the server is not reached",
    );
  const driver = await connectRelay(url, { token, ca, onError, ...(signal === undefined ? {} : { signal }) });
  log.info({ server: url }, "connected to the server");
  const controller = new Controller(settings, driver, log);
  await controller.serve();
  return controller;
}
