import { Command } from "commander";
import { addStoreOptions } from "./config/flags.ts";
import type { CheckOptions } from "./commands/check.ts";
import { integerBetween, jsonOption, withExamples } from "./options.ts";

const MOST_PAIRS = 100_000_000;

export function checkCommand(): Command {
  const command = new Command("check")
    .description("Audit the whole cloud: store, controllers, switches, and who reaches whom; it changes nothing")
    .option("--sample <N>", "so many pairs of ports instead of all", integerBetween(1, MOST_PAIRS))
    .option("--seed <SEED>", "of the sample, to take the same one again", integerBetween(0, 999_999_999))
    .addOption(jsonOption("all that was found"))
    .action(async (options: CheckOptions) => (await import("./commands/check.ts")).check(options));
  addStoreOptions(command);
  command.addHelpText(
    "after",
    `
Looked at are: the records of the store, against the objects that they stand for; what each controller has compiled, against
these records; what each switch has, against its controller; and for every pair of ports, by packets at the edges of their
rules, what the model allows against what the flows do. A difference counts if it is there three times in a row: a cloud that
is in use is never quite still. Controllers are asked through the store, or at their sockets where these are on this machine.

Exit status: 0 all is as it shall be, 1 it is not, or it cannot be looked at.`,
  );
  return withExamples(command, [
    ["dragonflow check", "the lab on this machine"],
    ["dragonflow check --sample 1000 --json", "for a script, of a large cloud"],
    ["dragonflow check --config operator.toml", "from anywhere"],
  ]);
}
