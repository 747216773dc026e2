import { type Command, Option } from "commander";
import { checkEnvironment, loadSettings } from "./load.ts";
import { KNOWN_VARIABLES, OPERATOR, type Section, SECTIONS } from "./sections.ts";
import { flagOf, type Setting, type ValuesOf } from "./settings.ts";

/** Gives a command the options that stand for the settings of its section. */
export function addSettings(command: Command, section: Section): Command {
  command.option("--config <FILE>", `TOML file; its [${section}] section has these settings`);
  for (const setting of Object.values(SECTIONS[section])) command.addOption(optionOf(setting));
  return command.addHelpText(
    "after",
    `
Each setting may stand in the file, in the environment, or here; the latter wins over the former:
  file         KEY = VALUE in [${section}], where KEY is the option's name with _ for -
  environment  DRAGONFLOW_KEY=VALUE, where KEY is the same in capitals`,
  );
}

/** Gives a command the options by which it reaches a store, and controllers. */
export function addStoreOptions(command: Command): Command {
  for (const { help, placeholder, ...setting } of Object.values(OPERATOR))
    command.addOption(new Option(`${flagOf(setting)} <${placeholder}>`, help));
  return command
    .option("--config <FILE>", "TOML file: these three in its [operator] section, or the [server] section of a server")
    .option("--lab <LAB>", 'in this lab (default: "demo", where nothing else is said)')
    .option("--socket <PATH>", "ask the controller at this socket, should the store not lead to it")
    .addHelpText(
      "after",
      `
The store is reached by a server's relay: with --server, --token-file and --ca-file, which may also stand in the environment
(DRAGONFLOW_SERVER, DRAGONFLOW_TOKEN_FILE, DRAGONFLOW_CA_FILE) or in a file; else by the file of a server, or that of a lab.`,
    );
}

function optionOf(setting: Setting<unknown>): Option {
  const { help, fallback, optional, placeholder } = setting;
  const standard = fallback === undefined ? (optional ? "" : " (required)") : ` (default: ${printed(fallback)})`;
  return new Option(`${flagOf(setting)} <${placeholder}>`, `${help}${standard}`);
}

const printed = (value: unknown): string =>
  Array.isArray(value) ? value.join(",") : typeof value === "string" ? value : JSON.stringify(value);

/** @param options as commander parsed them. @throws {ConfigError} */
export function settingsOf<S extends Section>(
  section: S,
  options: Readonly<Record<string, unknown>>,
): ValuesOf<(typeof SECTIONS)[S]> {
  const { config } = options;
  const settings = SECTIONS[section];
  const flags = Object.fromEntries(
    Object.values(settings).map((setting) => [setting.key, options[optionOf(setting).attributeName()]]),
  );
  checkEnvironment(process.env, KNOWN_VARIABLES);
  const file = typeof config === "string" ? config : undefined;
  return loadSettings(section, settings, { file, environment: process.env, flags }, Object.keys(SECTIONS));
}
