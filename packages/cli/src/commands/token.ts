import { loadSecret } from "@dragonflow/server";
import { isSubject, mintToken } from "@dragonflow/store";
import { settingsOf } from "../config/flags.ts";
import { CliError, EXIT } from "../errors.ts";
import { print } from "../output.ts";

/** Prints what the controller of this chassis, a further server, or an operator shows to the relay. */
export async function token(chassis: string | undefined, options: Readonly<Record<string, unknown>>): Promise<void> {
  const { forServer, forOperator, ...settings } = options;
  const wanted = [
    ...(chassis === undefined ? [] : [`chassis:${chassis}`]),
    ...(forServer === true ? ["server"] : []),
    ...(forOperator === true ? ["operator"] : []),
  ];
  const [subject = "", ...others] = wanted;
  if (subject === "" || others.length > 0)
    throw new CliError("a token is for one: give a CHASSIS, --for-server or --for-operator", EXIT.usage);
  if (!isSubject(subject))
    throw new CliError(`"${chassis}" cannot be a chassis: letters, digits, and . _ -`, EXIT.usage);
  print(mintToken(await loadSecret(settingsOf("server", settings).secretFile), subject));
}
