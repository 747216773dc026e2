import { hostname } from "node:os";
import {
  choice,
  choices,
  integer,
  optional,
  path,
  type Settings,
  text,
  type ValuesOf,
  variableOf,
} from "./settings.ts";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
/** Of networks, and what a host can speak. */
export const NETWORK_TYPES = ["geneve", "vxlan"] as const;
const HOST = { pattern: /^[\w.:-]{1,253}$/, expected: "an address or a host name", placeholder: "HOST" } as const;
const NAME = { pattern: /^[\w.-]{1,200}$/, expected: "letters, digits, and . _ -", placeholder: "NAME" } as const;
const SOCKET = { pattern: /^(unix|tcp):\S+$/, expected: "unix:PATH or tcp:HOST:PORT", placeholder: "SOCKET" } as const;
const MOST_CONNECTIONS = 1_000_000;
const logLevel = choice("log_level", "what is worth a line of the log, on standard error", LOG_LEVELS, "info");

/** Where Prometheus scrapes, of a server and of a controller. Who reaches it reads it: so it is not there unless it is asked for, and then on loopback. */
const METRICS = {
  metricsHost: text("metrics_host", "address that metrics are scraped at", { ...HOST, fallback: "127.0.0.1" }),
  metricsPort: optional(integer("metrics_port", "port of the metrics for Prometheus; 0: any; none: none", 0, 65_535)),
  metricsConnections: integer(
    "metrics_connections",
    "that the metrics' port takes at a time; what comes beyond is refused",
    1,
    MOST_CONNECTIONS,
    32,
  ),
} as const satisfies Settings;

/** The address to listen at; undefined: none. */
export function metricsOf({ metricsHost, metricsPort, metricsConnections }: ValuesOf<typeof METRICS>) {
  if (metricsPort === undefined) return undefined;
  return { host: metricsHost, port: metricsPort, connections: metricsConnections };
}

/** `dragonflow server`: the Neutron API, on a store, with a relay for the controllers. */
export const SERVER = {
  name: text("name", "of this server, unique among those of the cloud", { ...NAME, fallback: hostname() }),
  apiHost: text("api_host", "address that the API listens on", { ...HOST, fallback: "127.0.0.1" }),
  apiPort: integer("api_port", "port of the API; 0: any", 0, 65_535, 9696),
  apiConnections: integer(
    "api_connections",
    "that the API takes at a time; what comes beyond is refused",
    1,
    MOST_CONNECTIONS,
    2000,
  ),
  networkType: choice("network_type", "what carries a network whose maker names no type", NETWORK_TYPES, "geneve"),
  underlayMtu: integer("underlay_mtu", "bytes of the largest packet between hosts", 1280, 65_535, 1500),
  underlayIpVersion: choice("underlay_ip_version", "of the hosts' tunnel addresses", ["4", "6"], "4"),
  store: text("store", "URL of the store: sqlite:FILE, or wss://HOST:PORT of another server's relay", {
    pattern: /^[a-z]+:\S+$/,
    expected: "a URL",
    placeholder: "URL",
    fallback: "sqlite:/var/lib/dragonflow/store.db",
  }),
  storeTokenFile: optional(path("store_token_file", "token for a store behind a relay")),
  storeCaFile: optional(path("store_ca_file", "PEM of the authority of a store behind a relay")),
  relayHost: text("relay_host", "address that the relay listens on", { ...HOST, fallback: "0.0.0.0" }),
  relayPort: optional(integer("relay_port", "port where controllers connect; 0: any; none: no relay", 0, 65_535)),
  relayConnections: integer(
    "relay_connections",
    "that the relay takes at a time, one for each host; what comes beyond is refused",
    1,
    MOST_CONNECTIONS,
    20_000,
  ),
  tlsCertFile: optional(path("tls_cert_file", "PEM: the relay's certificate")),
  tlsKeyFile: optional(path("tls_key_file", "PEM: the relay's key")),
  secretFile: path("secret_file", "what tokens are signed with; made if there is none", "/var/lib/dragonflow/secret"),
  ...METRICS,
  logLevel,
} as const satisfies Settings;

/** `dragonflow controller`: keeps the Open vSwitch of one host equal to what the store says. */
export const CONTROLLER = {
  chassis: text("chassis", "name of this host in the cloud: binding:host_id of its ports", {
    ...NAME,
    fallback: hostname(),
  }),
  hostname: text("hostname", "of this host", { ...HOST, fallback: hostname() }),
  server: text("server", "URL of a server's relay: wss://HOST:PORT", {
    pattern: /^wss:\/\/\S+$/,
    expected: "wss://HOST:PORT",
    placeholder: "URL",
  }),
  tokenFile: path("token_file", "the token of this chassis, as `dragonflow token` prints it"),
  caFile: path("ca_file", "PEM of the authority that signed the server's certificate"),
  tunnelIp: text("tunnel_ip", "where other hosts send this host's tunnel packets", HOST),
  encapsulations: choices("encapsulations", "that this host can speak, the best first", NETWORK_TYPES, NETWORK_TYPES),
  ovsdb: text("ovsdb", "the local Open vSwitch database", { ...SOCKET, fallback: "unix:/run/openvswitch/db.sock" }),
  bridge: text("bridge", "the integration bridge, made if there is none", { ...NAME, fallback: "br-int" }),
  openflow: text("openflow", "the bridge's OpenFlow socket", {
    ...SOCKET,
    fallback: "unix:/run/openvswitch/br-int.mgmt",
  }),
  socket: path("socket", "the controller's own socket, for `dragonflow flows`", "/run/dragonflow/controller.sock"),
  ...METRICS,
  logLevel,
} as const satisfies Settings;

/** Commands that look inside a cloud from wherever its store is reached: by the relay of a server, with an operator's token. */
export const OPERATOR = {
  server: CONTROLLER.server,
  tokenFile: path("token_file", "an operator's token, as `dragonflow token --for-operator` prints it"),
  caFile: CONTROLLER.caFile,
} as const satisfies Settings;

export const SECTIONS = { server: SERVER, controller: CONTROLLER, operator: OPERATOR } as const;
export type Section = keyof typeof SECTIONS;

/** Of every command, and of the lab: its directory, and the mark on what runs in it. */
export const KNOWN_VARIABLES: readonly string[] = [
  ...new Set(Object.values(SECTIONS).flatMap((settings) => Object.values(settings).map(variableOf))),
  "DRAGONFLOW_LAB_DIR",
  "DRAGONFLOW_LAB_MARK",
];
