/** What one port is told: a row that the responder answers from. Addresses in text, as in the model. */
export interface Lease {
  readonly type: "lease";
  /** OpenFlow port of the client. */
  readonly outPort: number;
  readonly mac: string;
  readonly ip: string;
  readonly cidr: string;
  readonly server: { readonly ip: string; readonly mac: string };
  readonly gateway: string | null;
  readonly dnsServers: readonly string[];
  /** "" = none. */
  readonly domainName: string;
  readonly hostName: string;
  readonly mtuBytes: number;
  readonly leaseTimeSeconds: number;
  readonly routes: readonly { readonly destination: string; readonly nexthop: string }[];
  /** The user's own options (extra_dhcp_opts): they replace what would be told otherwise. */
  readonly extra: readonly { readonly name: string; readonly value: string }[];
  /** Those of them that cannot be told, each with the reason: nobody reads this but people. */
  readonly refused: readonly string[];
}

export function isLease(row: object): row is Lease {
  return "type" in row && row.type === "lease";
}
