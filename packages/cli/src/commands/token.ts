import { loadSecret } from "@dragonflow/server";
import { isSubject, mintToken } from "@dragonflow/store";
import { settingsOf } from "../config/flags.ts";
import { CliError, EXIT } from "../errors.ts";
import { print } from "../output.ts";

/** Prints what the controller of this chassis, or a further server, shows to the relay. */
export async function token(chassis: string | undefined, options: Readonly<Record<string, unknown>>): Promise<void> {
  const { forServer, ...settings } = options;
  if ((chassis !== undefined) === (forServer === true))
    throw new CliError("a token is for one: give a CHASSIS, or --for-server", EXIT.usage);
  const subject = forServer === true ? "server" : `chassis:${chassis}`;
  if (!isSubject(subject))
    throw new CliError(`"${chassis}" cannot be a chassis: letters, digits, and . _ -`, EXIT.usage);
  print(mintToken(await loadSecret(settingsOf("server", settings).secretFile), subject));
}
