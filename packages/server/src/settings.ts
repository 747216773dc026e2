/**
 * What an operator says of one server process. The command line and its configuration file make this; nothing here
 * reads either.
 */
export interface ServerSettings {
  /** Of this process, for logs and leases: unique among the servers of a cloud. */
  readonly name: string;
  readonly api: ListenSettings;
  /** What carries a network whose maker names no type. Of each server for itself; default `geneve`. */
  readonly networkType?: NetworkType;
  /** Between the hosts: what networks' MTUs have to leave room for. Default: 1,500 bytes, IPv4. */
  readonly underlay?: { readonly mtuBytes: number; readonly ipVersion: 4 | 6 };
  /** `token` and `caFile` are for `wss:` only: the store is then another server's, behind its relay. */
  readonly store: { readonly url: string; readonly token?: string; readonly caFile?: string };
  /** Where controllers and further servers connect; absent: this server offers no relay. */
  readonly relay?: ListenSettings & { readonly certFile: string; readonly keyFile: string };
  /** Where Prometheus scrapes, without authentication; absent: nowhere. */
  readonly metrics?: ListenSettings;
  /**
   * The secret that chassis' tokens are signed with: made, mode 0600, if there is none. All servers of a cloud share
   * it.
   */
  readonly secretFile: string;
  readonly logLevel: LogLevel;
}

export type NetworkType = "geneve" | "vxlan";

/** `port` 0: any that is free. `connections`: at a time; what comes beyond is refused. */
export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
}

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface RunningServer {
  /** `http://host:port`, the port being the one that was bound. */
  readonly apiUrl: string;
  /** `wss://host:port`. */
  readonly relayUrl?: string;
  /** `http://host:port/metrics`. */
  readonly metricsUrl?: string;
  /** Requests in flight are answered, leases given back, the store closed. */
  close(): Promise<void>;
}

/** The server cannot start as it was told to: one line that says why. */
export class StartError extends Error {
  override readonly name = "StartError";
}
