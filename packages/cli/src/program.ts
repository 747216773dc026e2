import { Argument, Command, CommanderError, Help } from "commander";
import { checkCommand } from "./check-program.ts";
import { dbCommand } from "./db-program.ts";
import { addSettings, addStoreOptions } from "./config/flags.ts";
import { EXIT, explain } from "./errors.ts";
import type { FlowsOptions } from "./commands/flows.ts";
import type { SgStatsOptions } from "./commands/sg-stats.ts";
import type { StatusOptions } from "./commands/status.ts";
import type { TraceOptions } from "./commands/trace.ts";
import { type LabOptions, labProgram } from "./lab-program.ts";
import {
  apiPortOption,
  hostsOption,
  integerBetween,
  jsonOption,
  labOption,
  networkTypeOption,
  storeOption,
  withExamples,
} from "./options.ts";
import { print, warn } from "./output.ts";
import { VERSION } from "./version.ts";

type Options = Readonly<Record<string, unknown>>;

/** The commands. What one does is loaded when it runs: `--help`, and a command that needs little, start at once. */
export function buildProgram(): Command {
  const program = new Command("dragonflow")
    .description("Virtual networks for clouds: described by the Neutron API, carried by Open vSwitch.")
    .version(VERSION)
    .helpCommand(false)
    .showSuggestionAfterError()
    .commandsGroup("On one machine:");
  program.addCommand(upCommand()).addCommand(downCommand()).addCommand(watchCommand()).addCommand(labProgram());
  program.commandsGroup("On real hosts:");
  program.addCommand(serverCommand()).addCommand(controllerCommand()).addCommand(tokenCommand());
  program.commandsGroup("To look inside:");
  program
    .addCommand(flowsCommand())
    .addCommand(sgCommand())
    .addCommand(statusCommand())
    .addCommand(checkCommand())
    .addCommand(traceCommand())
    .addCommand(dbCommand());
  program.commandsGroup("For your shell:");
  program.addCommand(completionCommand(program));
  withExamples(program, [
    ["dragonflow up", "three hosts with VMs on this machine; Ctrl-C removes them"],
    ["dragonflow COMMAND --help", "what a command does, with examples"],
  ]);
  program.addHelpText("after", "\nExit status: 0 done, 1 it failed, 2 it was not said right.");
  return prepared(program);
}

const standardHelp = new Help();

/** Errors are ours to print and to turn into an exit status, in every command. */
function prepared(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  command.configureHelp({
    subcommandTerm: (sub) =>
      [sub.name(), ...sub.registeredArguments.map((argument) => `<${argument.name()}>`)].join(" "),
    optionDescription: (option) =>
      option.defaultValue === false ? option.description : standardHelp.optionDescription(option),
  });
  for (const sub of command.commands) prepared(sub);
  return command;
}

/** @param argv without the program's own name. @returns the exit status, where none was set on the way */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync(argv, { from: "user" });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return usageError(error);
    const { text, exitCode } = explain(error);
    warn(text);
    return exitCode;
  }
}

/** Help that was asked for is no error; help in place of a missing subcommand is. */
function usageError(error: CommanderError): number {
  if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return EXIT.done;
  if (error.code !== "commander.help")
    warn(
      error.message
        .replace(/^error: /, "")
        .split("\n")
        .join(" "),
    );
  return EXIT.usage;
}

function upCommand(): Command {
  const command = new Command("up")
    .description("Make a lab with hosts, networks and VMs on this machine, and show how it does")
    .addOption(hostsOption())
    .addOption(apiPortOption())
    .addOption(networkTypeOption())
    .addOption(storeOption())
    .option("--detach", "return when all is ready, and leave it running", false)
    .addOption(jsonOption("with --detach: the lab's status"))
    .addOption(labOption())
    .action(async ({ lab, ...options }: { lab: string; detach: boolean } & LabOptions) =>
      (await import("./commands/up.ts")).up({ ...options, name: lab, demo: true }),
    );
  return withExamples(command, [
    ["dragonflow up", "three hosts, a live table; Ctrl-C removes all of it"],
    ["dragonflow up --hosts 5 --detach", "five hosts; it goes on running: dragonflow down"],
  ]);
}

function downCommand(): Command {
  const command = new Command("down")
    .description("Remove a lab, with all that was made for it, however its maker ended")
    .addOption(labOption())
    .action(async ({ lab }: { lab: string }) => (await import("./commands/down.ts")).down(lab));
  return withExamples(command, [["dragonflow down", ""]]);
}

function watchCommand(): Command {
  const command = new Command("watch")
    .description("Show a lab that runs: its VMs, and pings between them")
    .addOption(labOption())
    .action(async ({ lab }: { lab: string }) => (await import("./commands/up.ts")).watchLab(lab));
  return withExamples(command, [["dragonflow watch --lab demo", ""]]);
}

function serverCommand(): Command {
  const command = new Command("server")
    .description("Serve the Neutron API on a store, and the store to the controllers")
    .action(async (options: Options) => (await import("./commands/server.ts")).server(options));
  addSettings(command, "server");
  return withExamples(command, [
    ["dragonflow server --store sqlite:/tmp/store.db --secret-file /tmp/secret", "the API alone"],
    ["dragonflow server --config /etc/dragonflow.toml", "as its section [server] says"],
  ]);
}

function controllerCommand(): Command {
  const command = new Command("controller")
    .description("Keep the Open vSwitch of this host equal to what the API says")
    .action(async (options: Options) => (await import("./commands/controller.ts")).controller(options));
  addSettings(command, "controller");
  return withExamples(command, [
    [
      "dragonflow controller --config /etc/dragonflow.toml --tunnel-ip 192.0.2.11",
      "the rest as its section [controller] says",
    ],
  ]);
}

function tokenCommand(): Command {
  const command = new Command("token")
    .description("Print the token that the controller of a chassis, a further server, or an operator shows to a relay")
    .argument("[CHASSIS]", "its name in the cloud")
    .option("--for-server", "for a server whose store is the relay: it may do all that a server does", false)
    .option("--for-operator", "for trace and check: it may read all, and ask controllers", false)
    .action(async (chassis: string | undefined, options: Options) =>
      (await import("./commands/token.ts")).token(chassis, options),
    );
  addSettings(command, "server");
  return withExamples(command, [
    ["dragonflow token host7 --secret-file /var/lib/dragonflow/secret >host7.token", ""],
    ["dragonflow token --for-server --config /etc/dragonflow.toml >server2.token", "its store_token_file"],
    ["dragonflow token --for-operator --config /etc/dragonflow.toml >operator.token", "for trace and check"],
  ]);
}

function flowsCommand(): Command {
  const command = new Command("flows")
    .description("Show the flows of a host with the names of their tables, by the object that caused them")
    .option("--host <H>", "of this host only")
    .option("--port <ID>", "of this port only; its name will do as well")
    .option("--app <A>", "of this application only: l2, l3, dhcp, port-security ...")
    .option("--lab <LAB>", 'of the hosts of this lab (default: "demo" if there is one, else this machine)')
    .option("--socket <PATH>", "ask the controller at this socket")
    .addOption(jsonOption("the flows"))
    .action(async (options: FlowsOptions) => (await import("./commands/flows.ts")).flows(options));
  return withExamples(command, [
    ["dragonflow flows --host host1", ""],
    ["dragonflow flows --port vm1 --app port-security", "what may this port send?"],
    ["dragonflow flows --json", "for a script: each with host, owner, table, priority, match, actions"],
  ]);
}

function sgCommand(): Command {
  const group = new Command("sg").description("Show what security groups do").helpCommand(false);
  group.addCommand(sgStatsCommand());
  return withExamples(group, [["dragonflow sg stats --port vm1", "who was let in, and what was dropped?"]]);
}

function sgStatsCommand(): Command {
  const command = new Command("stats")
    .description("Count new connections by rule, packets and bytes by port, and drops by their reason")
    .option("--host <H>", "on this host only")
    .option("--group <G>", "of this security group, by name or id: its rules, its ports and their drops")
    .option("--port <P>", "of this port, by name or id: its traffic, its drops, the rules of its groups")
    .option("--lab <LAB>", 'of the hosts of this lab (default: "demo" if there is one, else this machine)')
    .option("--socket <PATH>", "ask the controller at this socket")
    .addOption(jsonOption("all counts, by host"))
    .action(async (options: SgStatsOptions) => (await import("./commands/sg-stats.ts")).sgStats(options));
  command.addHelpText(
    "after",
    `
A connection counts for one rule: of several that allow it, for the one that counts on every host (docs/architecture.md).
A rule of a stateless group counts packets. Drops without a port are of all ports of their host. Numbers begin anew with
the flow that counts, and when ovs-vswitchd starts.`,
  );
  return withExamples(command, [
    ["dragonflow sg stats", "all rules and ports of all hosts"],
    ["dragonflow sg stats --group web", "who was let in by which rule"],
    ["dragonflow sg stats --port vm1 --json", "for a script"],
  ]);
}

function statusCommand(): Command {
  const command = new Command("status")
    .description("Say whether the controllers are in step with their switches")
    .option("--host <H>", "of this host only")
    .option("--lab <LAB>", 'of the hosts of this lab (default: "demo" if there is one, else this machine)')
    .option("--socket <PATH>", "ask the controller at this socket")
    .addOption(jsonOption("all that the controllers say"))
    .action(async (options: StatusOptions) => (await import("./commands/status.ts")).status(options));
  return withExamples(command, [["dragonflow status --json", "counters, conflicts and faults"]]);
}

function traceCommand(): Command {
  const command = new Command("trace")
    .description("Follow a packet over all hosts, and say in the words of the model where it ends and why")
    .argument("<SOURCE>", "the port that sends it: name, id or address")
    .argument("<DESTINATION>", "a port likewise, or any address")
    .argument("[PROTOCOL]", "tcp/443, udp/53, icmp/8:0, icmp6/128, a number; an echo request if left out", "icmp")
    .option("--source-port <N>", "of TCP, UDP and SCTP (default: that of a new connection)", integerBetween(0, 65_535))
    .option("--source-address <IP>", "which the source uses (default: its own)")
    .option("--frame <HEX>", "send these bytes in place of a packet of the protocol")
    .option("--flows", "every table, with the flow that was met", false)
    .option("--why-not", "of what does not pass, the smallest change that would let it", false)
    .option("--live", "send such a packet as the source, and show where it really went on each host", false)
    .option(
      "--wait <SECONDS>",
      "with --live: send nothing, count what goes this way for so long",
      integerBetween(1, 3600),
    )
    .option("--api <URL>", "where ports are found (default: the lab's, else OS_ENDPOINT, else the store)")
    .addOption(jsonOption("the whole way"))
    .action(async (from: string, to: string, service: string, options: TraceOptions) =>
      (await import("./commands/trace.ts")).trace(from, to, service, options),
    );
  addStoreOptions(command);
  command.addHelpText(
    "after",
    `
Each host's flows are compiled from the store, as its controller compiles them. Beside stand what the rules say by the model
alone, and what ofproto/trace says on every host on the way; connections are what those hosts track. Their controllers are
asked through the store, or at their sockets where these are on this machine; of a host that is not reached that is said.
--live sends five copies of the packet through the switch of the source's host, marked by a source port or ICMP id that no
connection has, and says what counted them, and which zone tracks their connection. A connection that a TCP SYN began so is
ended by a reset. With --wait nothing is sent: whatever meets the flows on the way counts.

Exit status: 0 it passes, 1 it does not, 2 it was not said right, 3 those who were asked do not agree.`,
  );
  return withExamples(command, [
    ["dragonflow trace vm1 vm4 tcp/443", "does it pass, and by which rule?"],
    ["dragonflow trace vm1 10.20.0.7 --flows", "with the flows"],
    ["dragonflow trace vm1 vm4 tcp/443 --why-not", "what is missing, as a command"],
    ["dragonflow trace vm1 vm4 udp/53 --live", "and where it really goes"],
    ["dragonflow trace vm1 vm4 udp/53 --json", "for a script"],
    ["dragonflow trace vm1 vm4 --config operator.toml", "from anywhere"],
  ]);
}

function completionCommand(program: Command): Command {
  const command = new Command("completion")
    .description("Print a script that completes commands and options as you type")
    .addArgument(new Argument("<SHELL>", "which shell").choices(["bash"]))
    .action(async () => print((await import("./commands/completion.ts")).bashCompletion(program).trimEnd()));
  return withExamples(command, [["source <(dragonflow completion bash)", "for this shell"]]);
}
