import { type InterfaceFact, resubmit, stages } from "@dragonflow/pipeline";
import type { SwitchDriver } from "../switch/driver.ts";
import { BadQuestion, frameIn, numberIn } from "./asked.ts";

const MOST_COPIES = 10;

/**
 * Sends a packet through the whole pipeline as if the VM of a port of this host had sent it.
 * @param query `port`, `frame` (hexadecimal), `copies`.
 * @throws {BadQuestion} @throws {OpenFlowError} the switch refuses it. @throws {ConnectionError} the switch is away.
 */
export async function injectAt(
  driver: SwitchDriver,
  interfaces: ReadonlyMap<string, InterfaceFact>,
  query: URLSearchParams,
): Promise<{ readonly copies: number }> {
  const frame = frameIn(query);
  const copies = numberIn(query, "copies");
  if (copies < 1 || copies > MOST_COPIES) throw new BadQuestion(`copies=1..${MOST_COPIES}`);
  const port = interfaces.get(query.get("port") ?? "");
  if (port === undefined) throw new BadQuestion("port=ID, of a port that is plugged in here");
  const packet = { frame, steps: [resubmit(stages.classify)], inPort: port.ofport };
  await driver.inject(Array.from({ length: copies }, () => packet));
  return { copies };
}
