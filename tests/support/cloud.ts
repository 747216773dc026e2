/**
 * A whole cloud for a test: a lab with real Open vSwitch, the server and the controllers as processes of their own, as
 * `dragonflow lab up --empty` makes it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { spawn } from "node:child_process";
import { request } from "node:http";
import {
  type ApiClient,
  ApiClient as Client,
  bringUp,
  type Network,
  networks,
  plugPort,
  type PluggedVm,
  type Port,
  ports,
  Progress,
  type Router,
  routers,
  type SecurityGroup,
  type SecurityGroupRule,
  securityGroupRules,
  securityGroups,
  type Subnet,
  subnets,
  vmsReady,
} from "@dragonflow/cli";
import { execInVm, type ExecResult, type Lab, type LabHost, listHosts, listProcesses, moveVm } from "@dragonflow/lab";
import { useScratchLabs } from "./scratch-labs.ts";
import { until } from "./until.ts";

/** The long runs, as `npm run test:full` asks for. The variable is none of the program's, which refuses unknown ones. */
export const FULL = process.env["DRAGONFLOW_FULL"] === "1";
delete process.env["DRAGONFLOW_FULL"];

// When this file is loaded: what a hook registers ends with the hook.
useScratchLabs();

const BIN = join(import.meta.dirname, "..", "..", "bin", "dragonflow");

type Attributes = Readonly<Record<string, unknown>>;

/** A VM, and the port that it is. */
export interface Vm {
  readonly name: string;
  readonly port: Port;
  readonly namespace: string;
  readonly mac: string;
  /** The device in its host's namespace. */
  readonly tap: string;
  /** Its first address of each family, "" where it has none. */
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface VmRequest extends Attributes {
  readonly name: string;
  readonly host: string;
  readonly network: Network;
  /** Attributes of the port. */
  readonly port?: Attributes;
  /** False: the port's addresses are given to eth0 by hand. */
  readonly dhcp?: boolean;
  /** False: the port is bound to whoever plugs it. */
  readonly bind?: boolean;
}

export class Cloud {
  readonly lab: Lab;
  readonly api: ApiClient;

  constructor(lab: Lab, api: ApiClient) {
    this.lab = lab;
    this.api = api;
  }

  async network(name: string, attributes: Attributes = {}): Promise<Network> {
    return this.api.create(networks, { name, ...attributes });
  }

  /** @param cidr of IPv4 or IPv6; hosts of the latter make their own addresses (SLAAC) */
  async subnet(network: Network, cidr: string, attributes: Attributes = {}): Promise<Subnet> {
    const slaac = { ip_version: 6, ipv6_ra_mode: "slaac", ipv6_address_mode: "slaac" };
    const family = cidr.includes(":") ? slaac : { ip_version: 4 };
    return this.api.create(subnets, { network_id: network.id, cidr, ...family, ...attributes });
  }

  async router(name: string, between: readonly Subnet[]): Promise<Router> {
    const router = await this.api.create(routers, { name });
    for (const { id } of between) await this.api.act(routers, router.id, "add_router_interface", { subnet_id: id });
    return router;
  }

  /** A group with these rules, ingress where they do not say, beside those that every new group has: everything may go out. */
  async group(name: string, rules: readonly Attributes[] = [], attributes: Attributes = {}): Promise<SecurityGroup> {
    const group = await this.api.create(securityGroups, { name, ...attributes });
    if (rules.length > 0) await this.addRules(group, rules);
    return group;
  }
  async addRules({ id }: SecurityGroup, rules: readonly Attributes[]): Promise<readonly SecurityGroupRule[]> {
    const all = rules.map((rule) => ({ security_group_id: id, direction: "ingress", ...rule }));
    return this.api.createAll(securityGroupRules, all);
  }
  /** For tests that are about something else: whoever is in it sends and gets everything. */
  async openGroup(): Promise<SecurityGroup> {
    return this.group("open", [{ ethertype: "IPv4" }, { ethertype: "IPv6" }]);
  }
  async setGroups(vm: Vm, groups: readonly SecurityGroup[]): Promise<void> {
    await this.api.update(ports, vm.port.id, { security_groups: groups.map(({ id }) => id) });
  }

  /** VMs that are ready: their ports ACTIVE, their addresses in place. */
  async vms(requests: readonly VmRequest[]): Promise<Vm[]> {
    const plugged: PluggedVm[] = [];
    for (const { name, host, network, port: attributes, dhcp = true, bind = true } of requests) {
      const port = await this.api.create(ports, { name, network_id: network.id, ...attributes });
      plugged.push(await plugPort(this.lab, this.api, { host, portId: port.id, name, dhcp, bind }));
    }
    try {
      await vmsReady(this.lab, this.api, plugged);
    } catch (error) {
      throw new Error(`VMs that are not ready\n${await this.complaints()}`, { cause: error });
    }
    return plugged.map(({ vm, port }) => {
      const addressOf = (v6: boolean) =>
        port.fixed_ips.find(({ ip_address: ip }) => ip.includes(":") === v6)?.ip_address ?? "";
      const { name, namespace, mac, tap } = vm;
      return { name, port, namespace, mac, tap, ipv4: addressOf(false), ipv6: addressOf(true) };
    });
  }

  async vm(request: VmRequest): Promise<Vm> {
    const [vm] = await this.vms([request]);
    if (vm === undefined) throw new Error("one request, no VM");
    return vm;
  }

  /** As a live migration ends: unplugged there, plugged here, the binding changed. */
  async move(vm: Vm, host: string): Promise<void> {
    await moveVm(this.lab, vm.name, host);
    await this.api.update(ports, vm.port.id, { "binding:host_id": host });
    await this.active(vm.port.id);
  }

  async port(id: string): Promise<Port> {
    return this.api.show(ports, id);
  }

  async active(portId: string): Promise<void> {
    await this.until("the port is ACTIVE", async () => (await this.port(portId)).status === "ACTIVE");
  }

  async exec(vm: Pick<Vm, "name">, ...argv: [string, ...string[]]): Promise<ExecResult> {
    return execInVm(this.lab, vm.name, argv);
  }

  async host(name: string): Promise<LabHost> {
    const host = (await listHosts(this.lab)).find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`no ${name}`);
    return host;
  }

  /** `GET path` of the host's controller; see its status. */
  async ask(host: string, path: "/status" | "/flows"): Promise<unknown> {
    const socketPath = join((await this.host(host)).directory, "controller.sock");
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath, path }, (response) => {
        text(response)
          .then((body) => resolve(JSON.parse(body)))
          .catch(reject);
      });
      asked.once("error", reject);
      asked.end();
    });
  }

  /** `bin/dragonflow ARGS --lab LAB`. @throws with its words when it fails */
  async dragonflow(...args: string[]): Promise<string> {
    return run([BIN, ...args, "--lab", this.lab.name]);
  }

  /** {@link until}, with the warnings of the logs when it fails. */
  async until<T>(
    what: string,
    look: () => Promise<T | undefined | false> | T | undefined | false,
    deadlineMs = 30_000,
  ): Promise<T> {
    return until(what, look, { deadlineMs, explain: async () => this.complaints() });
  }

  /** What server and controllers have logged above `info`. */
  async complaints(): Promise<string> {
    const lines: string[] = [];
    for (const { name, logFile } of await listProcesses(this.lab)) {
      const logged = readFileSync(logFile, "utf8").split("\n");
      for (const line of logged.filter((one) => /"level":[456]0/.test(one)).slice(-4)) lines.push(`${name}: ${line}`);
    }
    return lines.join("\n");
  }
}

/** Runs a program to its end. @returns its standard output. @throws with its words when it fails */
export async function run(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [file, ...args] = argv;
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const [status, output, complaint] = await Promise.all([
    new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  if (status === 0) return output;
  throw new Error(`${argv.join(" ")}: ${status ?? "killed"}: ${complaint}${output}`);
}

/** A cloud with hosts `host1` ... and nothing in it. Removed when the tests of this file have ended. */
export async function startCloud(options: { readonly hosts: number }): Promise<Cloud> {
  const quiet = new Progress(Object.assign(new Writable({ write: (_chunk, _encoding, done) => done() })));
  const { lab, apiUrl } = await bringUp({ name: "t", hosts: options.hosts, demo: false }, quiet);
  return new Cloud(lab, new Client(apiUrl));
}
