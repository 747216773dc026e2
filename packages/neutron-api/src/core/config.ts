/** What an operator may set. {@link defaultConfig} is a cloud of its own behind no authentication. */
export interface ApiConfig {
  /** Project of requests that name none, where nothing authenticates them. */
  readonly defaultProjectId: string;
  readonly tenantNetworkType: "geneve" | "vxlan";
  /** First and last segmentation id, by type of network. */
  readonly segmentRanges: Readonly<Record<"geneve" | "vxlan", readonly [number, number]>>;
  readonly underlayMtuBytes: number;
  /** Appended to names of ports; "" or "openstacklocal." = ports have no names of their own choice. */
  readonly dnsDomain: string;
  /** First three octets of generated MAC addresses. */
  readonly baseMac: string;
  readonly availabilityZones: readonly string[];
  /** Limits of projects that have none of their own, by resource; -1 = none. */
  readonly quotas: Readonly<Record<string, number>>;
  readonly maxDnsNameservers: number;
  readonly maxHostRoutes: number;
  readonly maxRoutes: number;
  readonly maxAllowedAddressPairs: number;
  readonly maxBulkItems: number;
  readonly maxBodyBytes: number;
  readonly maxUrlLength: number;
  /** Longest page of a list; 0 = no limit. */
  readonly maxPageSize: number;
  /** How long a request tries again when others keep changing what it depends on. */
  readonly conflictDeadlineMs: number;
  /** How long a request waits for what the store has acknowledged to arrive. */
  readonly storeDeadlineMs: number;
}

export const defaultConfig: ApiConfig = {
  defaultProjectId: "fake_project_id",
  tenantNetworkType: "geneve",
  segmentRanges: { geneve: [1, 0xffffff - 1], vxlan: [1, 0xffffff - 1] },
  underlayMtuBytes: 1500,
  dnsDomain: "openstacklocal.",
  baseMac: "fa:16:3e",
  availabilityZones: ["nova"],
  quotas: { network: -1, subnet: -1, port: -1, router: -1, security_group: 10, security_group_rule: 100 },
  maxDnsNameservers: 5,
  maxHostRoutes: 20,
  maxRoutes: 30,
  maxAllowedAddressPairs: 10,
  maxBulkItems: 1000,
  maxBodyBytes: 2 * 1024 * 1024,
  maxUrlLength: 8192,
  maxPageSize: 0,
  conflictDeadlineMs: 15_000,
  storeDeadlineMs: 10_000,
};

/** Bytes that a packet of the network loses to its encapsulation on an IPv4 underlay: outer headers, and Geneve's option. */
const ENCAPSULATION_BYTES: Readonly<Record<string, number>> = { geneve: 58, vxlan: 50 };

export function maxMtu(config: ApiConfig, networkType: string): number {
  return config.underlayMtuBytes - (ENCAPSULATION_BYTES[networkType] ?? 0);
}
