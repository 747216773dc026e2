/** What an operator may set. {@link defaultConfig} is a cloud of its own behind no authentication. */
export interface ApiConfig {
  /** Project of requests that name none, where nothing authenticates them. */
  readonly defaultProjectId: string;
  readonly tenantNetworkType: "geneve" | "vxlan";
  /** First and last segmentation id, by type of network. */
  readonly segmentRanges: Readonly<Record<"geneve" | "vxlan", readonly [number, number]>>;
  /** Of the network between the hosts: what tunnelled packets have to fit, and the version of the tunnels' addresses. */
  readonly underlayMtuBytes: number;
  readonly underlayIpVersion: 4 | 6;
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
  underlayIpVersion: 4,
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

const ETHERNET_BYTES = 14;
const UDP_BYTES = 8;
const IP_BYTES = { 4: 20, 6: 40 } as const;
/** RFC 8926 section 3.4 with one option of four bytes, RFC 7348 section 5. */
const TUNNEL_BYTES: Readonly<Record<string, number>> = { geneve: 16, vxlan: 8 };

/** What a packet may have that is carried in the underlay's: behind the outer IP, UDP and tunnel headers, and its own Ethernet header. */
export function maxMtu({ underlayMtuBytes, underlayIpVersion }: ApiConfig, networkType: string): number {
  const tunnel = TUNNEL_BYTES[networkType];
  if (tunnel === undefined) return underlayMtuBytes;
  return underlayMtuBytes - IP_BYTES[underlayIpVersion] - UDP_BYTES - tunnel - ETHERNET_BYTES;
}
