import type { Place } from "@dragonflow/explain";
import { type PortObject, shapes } from "@dragonflow/model";
import type { State } from "@dragonflow/neutron-api";
import { tryParseIp, formatIp } from "@dragonflow/packet";
import type { ApiClient } from "../api/client.ts";
import { ports, type Resource } from "../api/resources.ts";
import { CliError, EXIT } from "../errors.ts";
import { namesBesidePorts, namesInStore, portNames } from "../introspection/object-names.ts";
import { counted, printable } from "../screen/palette.ts";

const { flag, list, object, text } = shapes;
const shape = object({
  id: text,
  name: text,
  network_id: text,
  mac_address: text,
  admin_state_up: flag,
  device_owner: text,
  fixed_ips: list(object({ subnet_id: text, ip_address: text })),
  "binding:host_id": text,
});
export type TracedPort = shapes.Infer<typeof shape>;
const tracedPorts: Resource<TracedPort> = { name: "port", collection: "ports", shape };

const ROUTER = /^network:(?:router_interface|ha_router|router_gateway)/;
const MOST_CANDIDATES = 10;

/** Where ports are known. */
export interface Directory {
  /** Those with this id, this name or this address. */
  readonly candidates: (wanted: string) => Promise<readonly TracedPort[]>;
  /** Names by id: of all objects but ports, and of these ports. */
  readonly names: (portIds: readonly string[]) => Promise<ReadonlyMap<string, string>>;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const IDS_AT_ONCE = 50;

/** By filters of the API: of a cloud's ports those that are meant are read. */
export function apiDirectory(api: ApiClient): Directory {
  return {
    async candidates(wanted) {
      const address = tryParseIp(wanted);
      const found = await Promise.all([
        ...(UUID.test(wanted) ? [api.list(tracedPorts, { id: wanted })] : []),
        api.list(tracedPorts, { name: wanted }),
        ...(address === undefined ? [] : [api.list(tracedPorts, { fixed_ips: `ip_address=${formatIp(address)}` })]),
      ]);
      return unique(found.flat());
    },
    async names(portIds) {
      const ids = [...new Set(portIds)];
      const pages = Array.from({ length: Math.ceil(ids.length / IDS_AT_ONCE) }, async (_, i) =>
        api.list(ports, { id: ids.slice(i * IDS_AT_ONCE, (i + 1) * IDS_AT_ONCE) }),
      );
      const [others, ...found] = await Promise.all([namesBesidePorts(api), ...pages]);
      return new Map([...portNames(found.flat()), ...others]);
    },
  };
}

/** From the store, where no API is known. */
export function storeDirectory(state: State): Directory {
  return {
    candidates: async (wanted) => {
      const address = tryParseIp(wanted);
      const ip = address === undefined ? undefined : formatIp(address);
      const own = state.ports.get(wanted);
      const found = Array.from(state.ports.values()).filter(
        ({ name, fixed_ips }) => name === wanted || fixed_ips.some((fixed) => fixed.ip_address === ip),
      );
      return unique([...(own === undefined ? [] : [own]), ...found].map(stored));
    },
    names: async () => namesInStore(state),
  };
}

const stored = (port: PortObject): TracedPort => ({ ...port, "binding:host_id": port.host_id });
const unique = (all: readonly TracedPort[]): readonly TracedPort[] => [
  ...new Map(all.map((port) => [port.id, port])).values(),
];

/**
 * The port that is meant: by its id before all else. @throws {CliError} `usage` where there is none, or several: then with their names, networks and
 * addresses.
 * @param within of several that have an address, those of this network.
 */
export async function findPort(directory: Directory, wanted: string, within?: string): Promise<TracedPort> {
  const found = await directory.candidates(wanted);
  const near = found.filter((port) => port.network_id === within);
  const own = found.filter((port) => port.id === wanted);
  const [port, ...others] = own.length > 0 ? own : near.length > 0 ? near : found;
  if (port === undefined) throw new CliError(`there is no port "${wanted}"`, EXIT.usage);
  if (others.length > 0) throw ambiguous(wanted, [port, ...others]);
  return port;
}

/** As {@link findPort}, but an address that no port has is one all the same. */
export async function findPortOrAddress(
  directory: Directory,
  wanted: string,
  within: string,
): Promise<{ readonly port: TracedPort | undefined; readonly ip: string | undefined }> {
  const address = tryParseIp(wanted);
  if (address === undefined) return { port: await findPort(directory, wanted, within), ip: undefined };
  const ip = formatIp(address);
  const isKnown = (await directory.candidates(wanted)).length > 0;
  return { port: isKnown ? await findPort(directory, wanted, within) : undefined, ip };
}

function ambiguous(wanted: string, found: readonly TracedPort[]): CliError {
  const lines = found
    .slice(0, MOST_CANDIDATES)
    .map(
      ({ id, name, network_id, fixed_ips, "binding:host_id": host }) =>
        `  ${id}  ${printable(name)}  ${fixed_ips.map((fixed) => fixed.ip_address).join(" ")}  network ${network_id}  ${host === "" ? "unbound" : `on ${host}`}`,
    );
  const more = found.length > MOST_CANDIDATES ? `\n  and ${found.length - MOST_CANDIDATES} more` : "";
  return new CliError(
    `"${wanted}" is ${counted(found.length, "port")}; say which by its id:\n${lines.join("\n")}${more}`,
    EXIT.usage,
  );
}

export const placeOf = (port: TracedPort): Place => ({
  id: port.id,
  networkId: port.network_id,
  mac: port.mac_address,
  addresses: port.fixed_ips.map(({ subnet_id, ip_address }) => ({ subnetId: subnet_id, ip: ip_address })),
  chassis: port["binding:host_id"],
  adminUp: port.admin_state_up,
  isRouter: ROUTER.test(port.device_owner),
});
