import { EncodeError } from "@dragonflow/wire";
import {
  address,
  addresses,
  byte,
  flag,
  long,
  messageType,
  names,
  numbers16,
  numbers8,
  type OptionType,
  present,
  raw,
  relayAgent,
  routes,
  short,
  signedLong,
  string,
} from "./dhcp4-option-types.ts";

interface Row<T> {
  readonly code: number;
  readonly type: OptionType<T>;
  /** What dnsmasq, and with it Neutron's `extra_dhcp_opts`, calls the option. */
  readonly alias: string | undefined;
}
function option<T>(code: number, type: OptionType<T>, alias?: string): Row<T> {
  return { code, type, alias };
}

/**
 * DHCPv4 options. ONE ROW PER OPTION: encode, decode, text and types derive from it. RFC 2132 unless said; 52
 * (overload) is the codec's own business.
 */
export const DHCP4_OPTIONS = {
  subnetMask: option(1, address, "netmask"),
  timeOffsetSeconds: option(2, signedLong, "time-offset"),
  routers: option(3, addresses, "router"),
  timeServers: option(4, addresses),
  nameServers: option(5, addresses),
  dnsServers: option(6, addresses, "dns-server"),
  logServers: option(7, addresses, "log-server"),
  cookieServers: option(8, addresses),
  lprServers: option(9, addresses, "lpr-server"),
  hostName: option(12, string),
  bootFileSizeBlocks: option(13, short, "boot-file-size"),
  domainName: option(15, string, "domain-name"),
  swapServer: option(16, address, "swap-server"),
  rootPath: option(17, string, "root-path"),
  extensionsPath: option(18, string, "extension-path"),
  ipForwarding: option(19, flag, "ip-forward-enable"),
  nonLocalSourceRouting: option(20, flag, "non-local-source-routing"),
  policyFilter: option(21, addresses, "policy-filter"),
  maximumReassemblyBytes: option(22, short, "max-datagram-reassembly"),
  defaultTtl: option(23, byte, "default-ttl"),
  mtuBytes: option(26, short, "mtu"),
  allSubnetsLocal: option(27, flag, "all-subnets-local"),
  broadcastAddress: option(28, address),
  routerDiscovery: option(31, flag, "router-discovery"),
  routerSolicitationAddress: option(32, address, "router-solicitation"),
  staticRoutes: option(33, addresses, "static-route"),
  trailerEncapsulation: option(34, flag, "trailer-encapsulation"),
  arpTimeoutSeconds: option(35, long, "arp-timeout"),
  ethernetEncapsulation: option(36, flag, "ethernet-encap"),
  tcpTtl: option(37, byte, "tcp-ttl"),
  tcpKeepaliveSeconds: option(38, long, "tcp-keepalive"),
  nisDomain: option(40, string, "nis-domain"),
  nisServers: option(41, addresses, "nis-server"),
  ntpServers: option(42, addresses, "ntp-server"),
  vendorSpecific: option(43, raw),
  netbiosNameServers: option(44, addresses, "netbios-ns"),
  netbiosDatagramServers: option(45, addresses, "netbios-dd"),
  netbiosNodeType: option(46, byte, "netbios-nodetype"),
  netbiosScope: option(47, string, "netbios-scope"),
  xFontServers: option(48, addresses, "x-windows-fs"),
  xDisplayManagers: option(49, addresses, "x-windows-dm"),
  requestedAddress: option(50, address),
  leaseTimeSeconds: option(51, long), // 0xffffffff = infinite (RFC 2131 section 3.3)
  messageType: option(53, messageType),
  serverIdentifier: option(54, address),
  parameterRequestList: option(55, numbers8),
  message: option(56, string),
  maximumMessageBytes: option(57, short),
  renewalTimeSeconds: option(58, long, "T1"),
  rebindingTimeSeconds: option(59, long, "T2"),
  vendorClass: option(60, string, "vendor-class"),
  clientIdentifier: option(61, raw),
  nisPlusDomain: option(64, string, "nis+-domain"),
  nisPlusServers: option(65, addresses, "nis+-server"),
  tftpServerName: option(66, string, "tftp-server"),
  bootFileName: option(67, string, "bootfile-name"),
  mobileIpHomeAgents: option(68, addresses, "mobile-ip-home"),
  smtpServers: option(69, addresses, "smtp-server"),
  pop3Servers: option(70, addresses, "pop3-server"),
  nntpServers: option(71, addresses, "nntp-server"),
  ircServers: option(74, addresses, "irc-server"),
  userClass: option(77, raw, "user-class"), // RFC 3004
  rapidCommit: option(80, present, "rapid-commit"), // RFC 4039
  relayAgent: option(82, relayAgent), // RFC 3046
  clientArchitectures: option(93, numbers16, "client-arch"), // RFC 4578, so the next two
  clientNetworkInterface: option(94, raw, "client-interface-id"),
  clientMachineId: option(97, raw, "client-machine-id"),
  posixTimezone: option(100, string, "posix-timezone"), // RFC 4833, so the next
  tzdbTimezone: option(101, string, "tzdb-timezone"),
  ipv6OnlyWaitSeconds: option(108, long, "ipv6-only"), // RFC 8925
  captivePortalUri: option(114, string), // RFC 8910
  domainSearch: option(119, names, "domain-search"), // RFC 3397
  classlessRoutes: option(121, routes, "classless-static-route"), // RFC 3442
  vendorIdentifying: option(125, raw, "vendor-id-encap"), // RFC 3925
  tftpServers: option(150, addresses, "tftp-server-address"), // RFC 5859
  microsoftClasslessRoutes: option(249, routes), // as 121, for clients that do not know it
  proxyAutoDiscovery: option(252, string), // the URL of a WPAD file
} as const satisfies Record<string, Row<unknown>>;

type Rows = typeof DHCP4_OPTIONS;
export type Dhcp4OptionName = keyof Rows;

/** The options of a message, in the order of the wire; `other` holds those without a row, byte for byte. */
export type Dhcp4Options = {
  [K in Dhcp4OptionName]?: (Rows[K] extends Row<infer T> ? T : never) | undefined;
} & { other?: { code: number; bytes: Uint8Array }[] | undefined };

/** A row as the codec sees it. */
interface NamedRow extends Row<unknown> {
  readonly name: Dhcp4OptionName;
}
const named: readonly NamedRow[] = Object.entries<Row<unknown>>(DHCP4_OPTIONS).map(([name, row]) => ({
  name: name as Dhcp4OptionName,
  ...row,
}));
export const dhcp4RowByCode: ReadonlyMap<number, NamedRow> = new Map(named.map((row) => [row.code, row]));
export const dhcp4RowByName: ReadonlyMap<string, NamedRow> = new Map(named.map((row) => [row.name, row]));
const rowByAlias = new Map(named.map((row) => [row.alias, row]));

/**
 * Reads one option as an operator writes it, in Neutron's `extra_dhcp_opts` or in dnsmasq's configuration.
 * @param name dnsmasq's name (`mtu`, `bootfile-name`, `classless-static-route` ...), or the code in decimal.
 * @param value numbers and addresses as usual, several with commas between; text as it is; bytes as `0a:0b`. For a
 * code without a row: addresses where all of it is, else bytes.
 * @returns the option, to be spread into others.
 * @throws {EncodeError} `unsupported` (no such name), `bad-value`, `out-of-range`, naming the option.
 * @example parseDhcp4Option("mtu", "1442") // { mtuBytes: 1442 }
 */
export function parseDhcp4Option(name: string, value: string): Dhcp4Options {
  const code = /^[1-9][0-9]{0,2}$/.test(name) ? Number(name) : undefined;
  const row = code === undefined ? rowByAlias.get(name) : dhcp4RowByCode.get(code);
  if (row !== undefined) return { [row.name]: row.type.parse(value, name) };
  if (code === undefined || code > 254 || code === 52)
    throw new EncodeError("unsupported", name, "not a DHCPv4 option");
  return { other: [{ code, bytes: guess(value, name) }] };
}

function guess(value: string, field: string): Uint8Array {
  if (!/^[0-9]+(?:\.[0-9]+){3}(?:,[0-9]+(?:\.[0-9]+){3})*$/.test(value)) return raw.parse(value, field);
  return Uint8Array.from(addresses.parse(value, field).flatMap((ip) => [ip >>> 24, ip >>> 16, ip >>> 8, ip]));
}
