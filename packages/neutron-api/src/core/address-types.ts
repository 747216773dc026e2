import type { Route } from "@dragonflow/model";
import {
  addressPairMissingIp,
  duplicateAddressPair,
  httpBadRequest,
  invalidInput,
  invalidInputSubnetServiceType,
  invalidSubnetServiceType,
} from "../errors.ts";
import { formatNetwork, parsePrefix } from "../ipam/addresses.ts";
import { isInput, Rejected, type Type } from "./attribute.ts";
import { pythonRepr, pythonText } from "./python-text.ts";
import { checkIp, checkList, checkMac, checkPrefix, checkUuid, parseInteger } from "./types.ts";

/** The compound types of attributes: lists of addresses, pools, routes and options. Addresses come out in canonical text. */

function checkKeys(expected: readonly string[], item: unknown): Readonly<Record<string, unknown>> {
  if (!isInput(item))
    throw new Rejected(`Invalid input. '${pythonText(item)}' must be a dictionary with keys: ${pythonRepr(expected)}`);
  const provided = Object.keys(item);
  if (provided.length !== expected.length || !expected.every((key) => provided.includes(key)))
    throw new Rejected(
      `Validation of dictionary's keys failed. Expected keys: ${pythonSet(expected)} Provided keys: ${pythonSet(provided)}`,
    );
  return item;
}
const pythonSet = (items: readonly string[]) =>
  items.length === 0 ? "set()" : `{${items.map(pythonRepr).join(", ")}}`;

export interface Pool {
  readonly start: string;
  readonly end: string;
}
export const allocationPools: Type<readonly Pool[]> = {
  parse(value) {
    return checkList(value, (v) => `Invalid data format for IP pool: '${pythonText(v)}'`).map((item) => {
      const pool = checkKeys(["start", "end"], item);
      return { start: checkIp(pool["start"]), end: checkIp(pool["end"]) };
    });
  },
};

export const nameservers: Type<readonly string[]> = {
  parse(value) {
    if (value === null) return [];
    // Text is a list too, of characters: that is how Neutron comes to complain of the first one.
    const listed = typeof value === "string" ? Array.from(value) : value;
    const items = checkList(listed, (v) => `Invalid data format for nameserver: '${pythonText(v)}'`);
    const hosts: string[] = [];
    for (const item of items) {
      let host: string;
      try {
        host = checkIp(item);
      } catch (reason) {
        if (!(reason instanceof Rejected)) throw reason;
        throw new Rejected(`'${pythonText(item)}' is not a valid nameserver. ${reason.message}`);
      }
      if (hosts.includes(host)) throw new Rejected(`Duplicate nameserver '${pythonText(item)}'`);
      hosts.push(host);
    }
    return hosts;
  },
};

/** A destination must be a network's own address. @returns canonical text. */
export function checkRouteDestination(value: unknown): string {
  const prefix = typeof value === "string" && !/\s/.test(value) ? parsePrefix(value) : undefined;
  if (typeof value !== "string" || prefix === undefined)
    throw new Rejected(`'${pythonText(value)}' is not a valid CIDR`);
  const canonical = formatNetwork(prefix);
  if (!value.includes("/") || prefix.ip !== prefix.first)
    throw new Rejected(`'${value}' is not a recognized CIDR, '${canonical}' is recommended`);
  const isLoopback = prefix.version === 4 ? prefix.first >> 24n === 127n : prefix.first === 1n && prefix.length === 128;
  if (isLoopback) throw new Rejected(`'${value}' is not a routable CIDR`);
  return canonical;
}

export const routes: Type<readonly Route[]> = {
  parse(value) {
    if (value === null) return [];
    const items = checkList(value, (v) => `Invalid data format for hostroute: '${pythonText(v)}'`);
    const seen = new Set<string>();
    return items.map((item) => {
      const route = checkKeys(["destination", "nexthop"], item);
      const checked = { destination: checkRouteDestination(route["destination"]), nexthop: checkIp(route["nexthop"]) };
      const key = `${checked.destination} ${checked.nexthop}`;
      if (seen.has(key)) throw new Rejected(`Duplicate hostroute '${pythonText(item)}'`);
      seen.add(key);
      return checked;
    });
  },
};

export interface FixedIpRequest {
  readonly subnet_id?: string;
  readonly ip_address?: string;
}
export const fixedIps: Type<readonly FixedIpRequest[]> = {
  parse(value) {
    const items = checkList(value, (v) => `Invalid data format for fixed IP: '${pythonText(v)}'`);
    const seen = new Set<string>();
    return items.map((item) => {
      if (!isInput(item)) throw new Rejected(`Invalid data format for fixed IP: '${pythonText(item)}'`);
      const request: { subnet_id?: string; ip_address?: string } = {};
      if (Object.hasOwn(item, "ip_address")) {
        const ip = checkIp(item["ip_address"]);
        if (seen.has(ip)) throw new Rejected(`Duplicate IP address '${pythonText(item["ip_address"])}'`);
        seen.add(ip);
        request.ip_address = ip;
      }
      if (Object.hasOwn(item, "subnet_id")) request.subnet_id = checkUuid(item["subnet_id"]);
      return request;
    });
  },
};

export interface AddressPairRequest {
  readonly ip_address: string;
  /** Absent: the port's own. */
  readonly mac_address?: string;
}

/** Refuses with the plain reason, as this one validator of Neutron's does. */
function plainly<T>(check: () => T): T {
  try {
    return check();
  } catch (reason) {
    if (reason instanceof Rejected) throw httpBadRequest(reason.message);
    throw reason;
  }
}

export const addressPairs: Type<readonly AddressPairRequest[]> = {
  parse(value) {
    if (value === null) return [];
    if (!Array.isArray(value)) throw httpBadRequest("Allowed address pairs must be a list.");
    const seen = new Set<string>();
    return checkList(value, String).map((item) => {
      if (!isInput(item)) throw new Rejected(`'${pythonText(item)}' is not a dictionary`);
      const mac = Object.hasOwn(item, "mac_address") ? plainly(() => checkMac(item["mac_address"])) : undefined;
      if (!Object.hasOwn(item, "ip_address")) throw addressPairMissingIp();
      const given = item["ip_address"];
      const key = `${mac ?? "None"} ${pythonText(given)}`;
      if (seen.has(key)) throw duplicateAddressPair(mac ?? "None", pythonText(given));
      seen.add(key);
      const unknown = Object.keys(item).filter((name) => name !== "mac_address" && name !== "ip_address");
      if (unknown.length > 0) throw httpBadRequest(`Unrecognized attribute(s) '${unknown.join(", ")}'`);
      const isPrefix = typeof given === "string" && given.includes("/");
      const ip = plainly(() => (isPrefix ? checkPrefix(given) : checkIp(given)));
      return mac === undefined ? { ip_address: ip } : { ip_address: ip, mac_address: mac };
    });
  },
};

export interface DhcpOption {
  readonly opt_name: string;
  /** null: take the option away. */
  readonly opt_value: string | null;
  readonly ip_version: 4 | 6;
}

function dhcpOption(item: unknown): DhcpOption {
  const refuse = () => invalidInput(`No valid key specs matched for: ${pythonText(item)}`);
  if (!isInput(item) || Object.keys(item).some((key) => !["opt_name", "opt_value", "ip_version"].includes(key)))
    throw refuse();
  const { opt_name: name, opt_value: value } = item;
  if (typeof name !== "string" || name.trim() === "" || name.length > 64 || /[\r\n]/.test(name)) throw refuse();
  const mayBeBlank = name === "router" || name === "classless-static-route";
  if (value !== null) {
    if (typeof value !== "string" || value.length > 255) throw refuse();
    if (!mayBeBlank && (value.trim() === "" || /[\r\n]/.test(value))) throw refuse();
  }
  if (value === undefined) throw refuse();
  const version = Object.hasOwn(item, "ip_version") ? parseInteger(item["ip_version"]) : 4;
  if (version !== 4 && version !== 6) throw refuse();
  return { opt_name: name, opt_value: value, ip_version: version };
}
export const dhcpOptions: Type<readonly DhcpOption[]> = {
  parse(value) {
    if (value === null) return [];
    if (!Array.isArray(value)) throw invalidInput(`'${pythonText(value)}' is not a list`);
    return checkList(value, String).map(dhcpOption);
  },
};

const SERVICE_TYPE_PREFIXES: readonly string[] = ["network:", "compute:", "baremetal:"];
export const serviceTypes: Type<readonly string[]> = {
  parse(value) {
    if (value === null || value === "" || value === false || value === 0) return [];
    if (!Array.isArray(value)) throw httpBadRequest("Subnet service types must be a list.");
    return checkList(value, String).map((type) => {
      if (typeof type !== "string") throw invalidInputSubnetServiceType(pythonText(type));
      if (!SERVICE_TYPE_PREFIXES.some((prefix) => type.startsWith(prefix))) throw invalidSubnetServiceType(type);
      return type;
    });
  },
};
