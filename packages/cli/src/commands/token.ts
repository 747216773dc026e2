import { loadSecret } from "@dragonflow/server";
import { isSubject, mintToken } from "@dragonflow/store";
import { settingsOf } from "../config/flags.ts";
import { CliError, EXIT } from "../errors.ts";
import { print } from "../output.ts";

/** Prints what the controller of this chassis shows to the relay. */
export async function token(chassis: string, options: Readonly<Record<string, unknown>>): Promise<void> {
  const subject = `chassis:${chassis}`;
  if (!isSubject(subject))
    throw new CliError(`"${chassis}" cannot be a chassis: letters, digits, and . _ -`, EXIT.usage);
  print(mintToken(await loadSecret(settingsOf("server", options).secretFile), subject));
}
