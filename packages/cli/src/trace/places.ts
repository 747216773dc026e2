import type { Place } from "@dragonflow/explain";
import { shapes } from "@dragonflow/model";
import { tryParseIp, formatIp } from "@dragonflow/packet";
import type { ApiClient } from "../api/client.ts";
import type { Resource } from "../api/resources.ts";
import { CliError, EXIT } from "../errors.ts";
import { counted, printable } from "../screen/palette.ts";

const { flag, list, object, text } = shapes;
const shape = object({
  id: text,
  name: text,
  network_id: text,
  mac_address: text,
  status: text,
  admin_state_up: flag,
  device_owner: text,
  fixed_ips: list(object({ subnet_id: text, ip_address: text })),
  "binding:host_id": text,
});
export type TracedPort = shapes.Infer<typeof shape>;
const tracedPorts: Resource<TracedPort> = { name: "port", collection: "ports", shape };

const ROUTER = /^network:(?:router_interface|ha_router|router_gateway)/;
const MOST_CANDIDATES = 10;

/** Ports by id, name or address. */
export class Directory {
  readonly #ports: readonly TracedPort[];

  private constructor(ports: readonly TracedPort[]) {
    this.#ports = ports;
  }
  static async read(api: ApiClient): Promise<Directory> {
    return new Directory(await api.list(tracedPorts));
  }

  port(id: string): TracedPort | undefined {
    return this.#ports.find((port) => port.id === id);
  }

  /**
   * The port that is meant. @throws {CliError} `usage` where there is none, or several: then with their names, networks and addresses.
   * @param within of several that have an address, those of this network.
   */
  find(wanted: string, within?: string): TracedPort {
    const found = this.#candidates(wanted);
    const near = found.filter((port) => port.network_id === within);
    const [port, ...others] = near.length > 0 ? near : found;
    if (port === undefined) throw new CliError(`there is no port "${wanted}"`, EXIT.usage);
    if (others.length > 0) throw ambiguous(wanted, [port, ...others]);
    return port;
  }

  /** As {@link find}, but an address that no port has is one all the same. */
  findOrAddress(
    wanted: string,
    within: string,
  ): { readonly port: TracedPort | undefined; readonly ip: string | undefined } {
    const address = tryParseIp(wanted);
    if (address === undefined) return { port: this.find(wanted, within), ip: undefined };
    const ip = formatIp(address);
    return { port: this.#candidates(wanted).length === 0 ? undefined : this.find(wanted, within), ip };
  }

  #candidates(wanted: string): readonly TracedPort[] {
    const own = this.port(wanted);
    if (own !== undefined) return [own];
    const address = tryParseIp(wanted);
    const ip = address === undefined ? undefined : formatIp(address);
    return this.#ports.filter(
      ({ name, fixed_ips }) => name === wanted || fixed_ips.some((fixed) => fixed.ip_address === ip),
    );
  }
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
