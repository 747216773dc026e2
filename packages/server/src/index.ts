/** The server process: store, Neutron API, relay, and the folding of what controllers report into what clients see. */
export { SERVER_METRICS } from "./metrics/declared.ts";
export { loadSecret } from "./secret.ts";
export { startServer } from "./server.ts";
export {
  LOG_LEVELS,
  type ListenSettings,
  type LogLevel,
  type NetworkType,
  type RunningServer,
  type ServerSettings,
  StartError,
} from "./settings.ts";
export { ensureTls, type TlsFiles } from "./tls.ts";
export { type OpenedStore, openStore } from "./stores.ts";
