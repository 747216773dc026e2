/** One member of an etcd for development and tests: on 127.0.0.1, without TLS. */
export interface EtcdMember {
  readonly name: string;
  /** Its directory, which is made, mode 0700, before it starts. */
  readonly data: string;
  /** Ports: for clients, and for its peers. */
  readonly client: number;
  readonly peer: number;
  /** Where its peers are told to find it; default: `peer`. */
  readonly advertised?: number;
  /** `initial`: `NAME=http://HOST:PORT,...`. Default: it is alone. */
  readonly cluster?: { readonly initial: string; readonly token: string; readonly state: "new" | "existing" };
}

/** What is kept for watchers that come back. */
const HISTORY = "1h";

export function etcdCommand(member: EtcdMember): readonly [string, ...string[]] {
  const { name, data, client, peer, advertised = peer, cluster } = member;
  const clients = `http://127.0.0.1:${client}`;
  const peers = `http://127.0.0.1:${advertised}`;
  const flags = {
    name,
    "data-dir": data,
    "listen-client-urls": clients,
    "advertise-client-urls": clients,
    "listen-peer-urls": `http://127.0.0.1:${peer}`,
    "initial-advertise-peer-urls": peers,
    "initial-cluster": cluster?.initial ?? `${name}=${peers}`,
    "initial-cluster-state": cluster?.state ?? "new",
    "initial-cluster-token": cluster?.token ?? "dragonflow",
    "auto-compaction-mode": "periodic",
    "auto-compaction-retention": HISTORY,
  };
  return ["etcd", ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}
