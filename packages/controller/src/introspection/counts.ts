import { printMatch } from "@dragonflow/openflow";
import type { SwitchDriver } from "../switch/driver.ts";
import { BadQuestion } from "./asked.ts";

/** How many packets a flow has met since it was put in. With the match it is known which flow it is. */
export interface FlowCount {
  readonly table: number;
  readonly priority: number;
  readonly match: string;
  readonly packets: number;
}

const ALL_BITS = 0xffffffffffffffffn;
/** A packet's way has some twenty flows. */
const MOST_COOKIES = 100;

/**
 * The counts of the flows with these cookies.
 * @param query `cookie`, hexadecimal, as often as there are some.
 * @throws {BadQuestion} @throws {ConnectionError} the switch is away.
 */
export async function countsOf(driver: SwitchDriver, query: URLSearchParams): Promise<readonly FlowCount[]> {
  const cookies = new Set(query.getAll("cookie"));
  if (cookies.size > MOST_COOKIES || [...cookies].some((cookie) => !/^[0-9a-f]{1,16}$/.test(cookie)))
    throw new BadQuestion("cookie=HEX&cookie=HEX...");
  const answers = await Promise.all(
    Array.from(cookies, (cookie) =>
      driver.request({ type: "flow_desc_request", cookie: BigInt(`0x${cookie}`), cookieMask: ALL_BITS, match: {} }),
    ),
  );
  return answers.flatMap(({ entries }) =>
    entries.map(({ table, priority, match, stats }) => ({
      table,
      priority,
      match: printMatch(match),
      packets: Number(stats.packets ?? 0n),
    })),
  );
}
