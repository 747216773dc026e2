import type { NetworkType } from "@dragonflow/server";
import { Command } from "commander";
import type { VmAddOptions } from "./commands/lab-vm.ts";
import type { LabStore } from "./lab/names.ts";
import {
  apiPortOption,
  hostsOption,
  jsonOption,
  labOption,
  networkTypeOption,
  storeOption,
  withExamples,
} from "./options.ts";

interface InLab {
  readonly lab: string;
}

/** Of both commands that make a lab. */
export interface LabOptions {
  readonly hosts: number;
  readonly apiPort?: number;
  readonly networkType?: NetworkType;
  readonly store?: LabStore;
  readonly json: boolean;
}

/** `dragonflow lab ...`: hosts and VMs as network namespaces of this machine. */
export function labProgram(): Command {
  const lab = new Command("lab")
    .description("Hosts and VMs on this machine, to try things: any number of labs side by side")
    .helpCommand(false);
  lab.addCommand(up()).addCommand(down()).addCommand(list()).addCommand(status());
  lab.addCommand(host()).addCommand(vm()).addCommand(exec());
  return withExamples(lab, [
    ["dragonflow lab up --hosts 2 --empty --lab test", "two hosts and an API, no networks yet"],
    ["dragonflow lab vm add host1 PORT_ID --lab test", "a VM on host1 that is this port"],
    ["dragonflow lab exec vm1 --lab test -- ip addr", "a command inside it"],
    ["dragonflow lab down --lab test", ""],
  ]);
}

function up(): Command {
  const command = new Command("up")
    .description("Make a lab: hosts with Open vSwitch, a server, a controller on each host, and the demo's VMs")
    .addOption(hostsOption())
    .option("--empty", "without networks and VMs", false)
    .addOption(apiPortOption())
    .addOption(networkTypeOption())
    .addOption(storeOption())
    .addOption(jsonOption("the lab's status"))
    .addOption(labOption())
    .action(async ({ lab, empty, ...options }: InLab & LabOptions & { empty: boolean }) =>
      (await import("./commands/up.ts")).up({ ...options, name: lab, demo: !empty, detach: true }),
    );
  return withExamples(command, [
    ["dragonflow lab up --hosts 2 --empty", "hosts and an API; the rest is yours"],
    ["dragonflow lab up --lab second --api-port 9797", "another one beside it"],
  ]);
}

function down(): Command {
  const command = new Command("down")
    .description("Remove a lab, with all that was made for it, however its maker ended")
    .addOption(labOption())
    .action(async ({ lab }: InLab) => (await import("./commands/down.ts")).down(lab));
  return withExamples(command, [["dragonflow lab down --lab second", ""]]);
}

function list(): Command {
  const command = new Command("list")
    .description("List the labs of this machine")
    .addOption(jsonOption("the labs"))
    .action(async (options: { json: boolean }) => (await import("./commands/lab-status.ts")).labList(options));
  return withExamples(command, [["dragonflow lab list", ""]]);
}

function status(): Command {
  const command = new Command("status")
    .description("Show the hosts and VMs of a lab, and where its API is")
    .addOption(jsonOption("{api, hosts, vms}"))
    .addOption(labOption())
    .action(async ({ lab, json }: InLab & { json: boolean }) =>
      (await import("./commands/lab-status.ts")).labStatus(lab, { json }),
    );
  return withExamples(command, [["dragonflow lab status --json", "for a script"]]);
}

function host(): Command {
  const group = new Command("host").description("Add, kill, start and remove hosts").helpCommand(false);
  const commands = [
    new Command("add")
      .description("Join one more host, with Open vSwitch and a controller")
      .addOption(labOption())
      .action(async ({ lab }: InLab) => (await import("./commands/lab-host.ts")).hostAdd(lab)),
    new Command("kill")
      .description("Kill the Open vSwitch and the controller of a host, as when its power fails")
      .argument("<HOST>", 'its name, as "lab status" shows it')
      .addOption(labOption())
      .action(async (name: string, { lab }: InLab) => (await import("./commands/lab-host.ts")).hostKill(lab, name)),
    new Command("start")
      .description("Start a host that was killed")
      .argument("<HOST>", 'its name, as "lab status" shows it')
      .addOption(labOption())
      .action(async (name: string, { lab }: InLab) => (await import("./commands/lab-host.ts")).hostStart(lab, name)),
    new Command("rm")
      .description("Take a host out for good; its VMs must have left it")
      .argument("<HOST>", 'its name, as "lab status" shows it')
      .addOption(labOption())
      .action(async (name: string, { lab }: InLab) => (await import("./commands/lab-host.ts")).hostRemove(lab, name)),
  ];
  for (const command of commands)
    group.addCommand(
      withExamples(command, [[`dragonflow lab host ${command.name()}${command.name() === "add" ? "" : " host2"}`, ""]]),
    );
  return withExamples(group, [["dragonflow lab host kill host2", "VMs on host2 are cut off; the others go on"]]);
}

function vm(): Command {
  const group = new Command("vm").description("Add, move and remove VMs").helpCommand(false);
  group.addCommand(vmAdd()).addCommand(vmRemove()).addCommand(vmMove());
  return withExamples(group, [["dragonflow lab vm add host1 PORT_ID", "a VM on host1 that is this port"]]);
}

function vmAdd(): Command {
  const command = new Command("add")
    .description("Add a VM that is a port of the API: with its MAC and MTU; addresses by DHCP and SLAAC")
    .argument("<HOST>", "where it runs")
    .argument("<PORT_ID>", "of the port")
    .option("--name <VM>", "its name (default: the next of vm1, vm2 ...)")
    .option("--no-dhcp", "give it the port's addresses by hand")
    .option("--claim", "do not bind the port by the API: the host that plugs it first gets it", false)
    .option("--no-wait", "do not wait until the port is ACTIVE and the VM has its addresses")
    .addOption(jsonOption("the VM"))
    .addOption(labOption())
    .action(async (name: string, portId: string, { lab, ...options }: InLab & VmAddOptions) =>
      (await import("./commands/lab-vm.ts")).vmAdd(lab, name, portId, options),
    );
  return withExamples(command, [
    ["dragonflow lab vm add host2 $(openstack port create --network blue -f value -c id web) --name web", ""],
  ]);
}

function vmRemove(): Command {
  const command = new Command("rm")
    .description("Remove a VM, and take its port off the host; the port stays")
    .argument("<VM>", 'its name, as "lab status" shows it')
    .addOption(labOption())
    .action(async (name: string, { lab }: InLab) => (await import("./commands/lab-vm.ts")).vmRemove(lab, name));
  return withExamples(command, [["dragonflow lab vm rm vm1", ""]]);
}

function vmMove(): Command {
  const command = new Command("move")
    .description("Move a VM to another host, as it runs, and the binding of its port with it")
    .argument("<VM>", 'its name, as "lab status" shows it')
    .argument("<HOST>", "where it is to run")
    .option("--claim", "leave the binding to the claim", false)
    .addOption(labOption())
    .action(async (name: string, to: string, { lab, claim }: InLab & { claim: boolean }) =>
      (await import("./commands/lab-vm.ts")).vmMove(lab, name, to, { claim }),
    );
  return withExamples(command, [["dragonflow lab vm move vm1 host2", ""]]);
}

function exec(): Command {
  const command = new Command("exec")
    .description("Run a command inside a VM; its exit status is the command's")
    .argument("<VM>", 'its name, as "lab status" shows it')
    .argument("<COMMAND...>", "with its arguments, after --")
    .addOption(labOption())
    .action(async (name: string, argv: string[], { lab }: InLab) =>
      (await import("./commands/lab-exec.ts")).labExec(lab, name, argv),
    );
  return withExamples(command, [["dragonflow lab exec vm1 -- ping -c 3 10.20.0.5", ""]]);
}
