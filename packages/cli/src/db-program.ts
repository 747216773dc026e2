import { Command, Option } from "commander";
import { OPERATOR } from "./config/sections.ts";
import { flagOf } from "./config/settings.ts";
import type { DumpOptions, GetOptions, ListOptions, LoadOptions, VerifyOptions, WatchOptions } from "./db/options.ts";
import type { StoreOptions } from "./db/opening.ts";
import { jsonOption, withExamples } from "./options.ts";

export function dbCommand(): Command {
  const group = new Command("db").description("Look into a store, check it, and carry it elsewhere").helpCommand(false);
  group
    .addCommand(capabilitiesCommand())
    .addCommand(listCommand())
    .addCommand(getCommand())
    .addCommand(watchCommand())
    .addCommand(verifyCommand())
    .addCommand(dumpCommand())
    .addCommand(loadCommand());
  group.addHelpText(
    "after",
    `
Which store: --store URL, as a server's setting; else the one behind the relay of a server: of --server, as an operator sees it,
of the server whose file --config names, or of the lab on this machine. A store that one process alone has open, as an embedded
one, is reached through the relay while its server runs. An operator may read everything, and write no record.`,
  );
  return withExamples(group, [["dragonflow db ls --config /etc/dragonflow.toml", "its topics"]]);
}

/** Options by which every one of them finds its store. */
function ofStore(command: Command): Command {
  for (const { help, placeholder, ...setting } of Object.values(OPERATOR))
    command.addOption(new Option(`${flagOf(setting)} <${placeholder}>`, help));
  return command
    .option("--config <FILE>", "TOML file: these three in its [operator] section, or the [server] section of a server")
    .option("--lab <LAB>", 'the store of this lab (default: "demo", where nothing else is said)');
}
const withStore = (command: Command): Command =>
  ofStore(command.option("--store <URL>", "as a server's setting: sqlite:/path, wss://HOST:PORT ..."));

function capabilitiesCommand(): Command {
  const command = ofStore(new Command("capabilities"))
    .description("Say what a store can do, as it declares it once it is connected")
    .argument("[URL]", "of the store")
    .addOption(jsonOption("the capabilities"))
    .action(async (url: string | undefined, options: StoreOptions & { readonly json: boolean }) =>
      (await import("./db/capabilities.ts")).capabilities(url === undefined ? options : { ...options, store: url }),
    );
  return withExamples(command, [
    ["dragonflow db capabilities sqlite:/var/lib/dragonflow/nb.db", "of a store that nobody has open"],
    ["dragonflow db capabilities --config /etc/dragonflow.toml --json", "through the relay of a server"],
  ]);
}

function listCommand(): Command {
  const command = withStore(new Command("ls"))
    .description("List topics with what they hold, or the records of one topic")
    .argument("[TOPIC]", "network/ID, chassis/NAME, lease ...")
    .addOption(jsonOption("the list"))
    .action(async (topic: string | undefined, options: ListOptions) =>
      (await import("./db/records.ts")).list(topic, options),
    );
  return withExamples(command, [
    ["dragonflow db ls", "the topics of the cloud"],
    ["dragonflow db ls chassis/host1", "the records of one"],
  ]);
}

function getCommand(): Command {
  const command = withStore(new Command("get"))
    .description("Print one record")
    .argument("<TOPIC>", "its topic")
    .argument("<RECORD>", "its kind and id: port/ID")
    .action(async (topic: string, id: string, options: GetOptions) =>
      (await import("./db/records.ts")).get(topic, id, options),
    );
  return withExamples(command, [["dragonflow db get lease lease/chassis/host1", "who lives"]]);
}

function watchCommand(): Command {
  const command = withStore(new Command("watch"))
    .description("Print what happens to topics, until it is interrupted")
    .argument("<TOPICS...>", "one or several")
    .addOption(jsonOption("each event, one in a line,"))
    .action(async (topics: readonly string[], options: WatchOptions) =>
      (await import("./db/watch.ts")).watch(topics, options),
    );
  return withExamples(command, [["dragonflow db watch chassis/host1 status/host1", ""]]);
}

function verifyCommand(): Command {
  const command = withStore(new Command("verify"))
    .description("Check every record against the objects of the cloud; it changes nothing")
    .addOption(jsonOption("what was found"))
    .action(async (options: VerifyOptions) => (await import("./db/verify.ts")).verify(options));
  command.addHelpText(
    "after",
    `
Every object's records must be there with every field, every guard and every reference, and nothing else in their topics. A
difference counts if it is there three times in a row: a cloud that is in use is never quite still. Two stores with the same
digest say the same. What controllers and switches make of it: dragonflow check.

Exit status: 0 nothing was found, 1 something was, or it cannot be read.`,
  );
  return withExamples(command, [["dragonflow db verify --config /etc/dragonflow.toml", ""]]);
}

function dumpCommand(): Command {
  const command = withStore(new Command("dump"))
    .description("Print every record of the cloud, one in a line, as JSON")
    .option("--topic <TOPIC>", "of this topic only")
    .action(async (options: DumpOptions) => (await import("./db/dump.ts")).dump(options));
  return withExamples(command, [["dragonflow db dump --config /etc/dragonflow.toml >cloud.jsonl", ""]]);
}

function loadCommand(): Command {
  const command = withStore(new Command("load"))
    .description("Write the records of a dump into a store that does not have them")
    .argument("<FILE>", "what dump printed; - for the standard input")
    .action(async (file: string, options: LoadOptions) => (await import("./db/dump.ts")).load(file, options));
  command.addHelpText(
    "after",
    `
A record that is there already must be the same: so it may be run again where it was interrupted. Leases are left out: their
holders take them again. No server should have the store open meanwhile.`,
  );
  return withExamples(command, [["dragonflow db load cloud.jsonl --store sqlite:/var/lib/dragonflow/nb.db", ""]]);
}
