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

/** Connects to the store by a relay, and starts the controller of this host. The store may come later: it goes on trying. */
export async function startController(
  settings: ControllerSettings,
  store: StoreAddress,
  log: Log,
): Promise<Controller> {
  const driver = await connectRelay(store.url, { token: store.token, ca: store.ca });
  const controller = new Controller(settings, driver, log);
  await controller.serve();
  return controller;
}
