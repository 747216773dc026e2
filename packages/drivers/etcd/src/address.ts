import { InvalidRequest } from "@dragonflow/store";

/** What an etcd URL says. Files are read when the store is opened. */
export interface EtcdAddress {
  /** `host:port`, one at least. */
  readonly endpoints: readonly string[];
  /** Before every key: `/dragonflow/`, say. */
  readonly prefix: string;
  readonly tls: boolean;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly user?: string;
  readonly password?: string;
  readonly passwordFile?: string;
  /** As the server's flags of these names; etcd does not tell them. */
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  /** The store was put back in time in a way that cannot be seen: begin a new lineage. */
  readonly newLineage: boolean;
}

export const DEFAULT_MAX_TXN_OPS = 128;
export const DEFAULT_MAX_REQUEST_BYTES = 1_572_864;
const DEFAULT_PORT = "2379";
const DEFAULT_PREFIX = "dragonflow";

const SHAPE = /^(etcds?):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/;
const PARAMETERS = ["ca", "cert", "key", "password-file", "max-txn-ops", "max-request-bytes", "new-lineage"] as const;

/**
 * `etcd[s]://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...][/PREFIX][?ca=FILE&cert=FILE&key=FILE&password-file=FILE...]`. `etcds`: TLS, the
 * servers' certificates being checked against `ca` or the authorities that the machine trusts; `cert` and `key`: ours.
 * @throws {InvalidRequest} what is wrong, without the URL, which may hold a password.
 */
export function parseEtcdUrl(url: string): EtcdAddress {
  const [, scheme, login, hosts, path, query] = SHAPE.exec(url) ?? [];
  if (scheme === undefined || hosts === undefined)
    throw new InvalidRequest("an etcd store is etcd://HOST:PORT[,HOST:PORT...]/PREFIX");
  const given = new URLSearchParams(query);
  for (const name of given.keys())
    if (!PARAMETERS.some((known) => known === name))
      throw new InvalidRequest(`an etcd store has no parameter "${name}"; there are ${PARAMETERS.join(", ")}`);
  const file = (name: string): string | undefined => given.get(name) ?? undefined;
  const [user, password] = splitLogin(login);
  const [caFile, certFile, keyFile, passwordFile] = ["ca", "cert", "key", "password-file"].map(file);
  const tls = scheme === "etcds";
  if (!tls && (caFile ?? certFile ?? keyFile) !== undefined)
    throw new InvalidRequest("ca, cert and key are for TLS: write etcds://");
  if ((certFile === undefined) !== (keyFile === undefined)) throw new InvalidRequest("cert and key go together");
  if (passwordFile !== undefined && user === undefined) throw new InvalidRequest("a password without a user");
  return {
    endpoints: hosts.split(",").map(endpoint),
    prefix: `/${decodeURIComponent(path ?? "").replace(/^\/+|\/+$/g, "") || DEFAULT_PREFIX}/`,
    tls,
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(passwordFile !== undefined && { passwordFile }),
    maxTxnOps: count(given, "max-txn-ops", DEFAULT_MAX_TXN_OPS, 16),
    maxRequestBytes: count(given, "max-request-bytes", DEFAULT_MAX_REQUEST_BYTES, 65_536),
    newLineage: given.has("new-lineage"),
  };
}

function splitLogin(login: string | undefined): readonly [string | undefined, string | undefined] {
  if (login === undefined || login === "") return [undefined, undefined];
  const colon = login.indexOf(":");
  if (colon < 0) return [decodeURIComponent(login), undefined];
  return [decodeURIComponent(login.slice(0, colon)), decodeURIComponent(login.slice(colon + 1))];
}

/** An IPv6 address is in brackets. */
function endpoint(text: string): string {
  const [, host, port = DEFAULT_PORT] = /^(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw new InvalidRequest(`"${text}" is no endpoint of etcd: HOST:PORT`);
  return `${host}:${port}`;
}

function count(given: URLSearchParams, name: string, fallback: number, least: number): number {
  const text = given.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new InvalidRequest(`${name}: "${text}" is not ${least} or more`);
  return value;
}
