import { printMatch } from "@dragonflow/openflow";
import type { InterfaceFact } from "@dragonflow/pipeline";
import type { SwitchDriver } from "../switch/driver.ts";
import { BadQuestion } from "./asked.ts";

/** How many packets a flow has met since it was put in. With the match it is known which flow it is. */
export interface FlowCount {
  readonly table: number;
  readonly priority: number;
  readonly match: string;
  readonly packets: number;
}

/** What a port was given to send to its VM since it was made; `dropped`: it did not take it. */
export interface PortCount {
  readonly id: string;
  readonly packets: number;
  readonly dropped: number;
}

const ALL_BITS = 0xffffffffffffffffn;
/** A packet's way has some twenty flows. */
const MOST_COOKIES = 100;
const MOST_PORTS = 100;

/**
 * The counts of the flows with these cookies, and of these ports.
 * @param query `cookie`, hexadecimal, and `port`, each as often as there are some. A port that is not here is left out.
 * @throws {BadQuestion} @throws {ConnectionError} the switch is away.
 */
export async function countsOf(
  driver: SwitchDriver,
  interfaces: ReadonlyMap<string, InterfaceFact>,
  query: URLSearchParams,
): Promise<{ readonly flows: readonly FlowCount[]; readonly ports: readonly PortCount[] }> {
  const cookies = new Set(query.getAll("cookie"));
  const ids = new Set(query.getAll("port"));
  const isBad = [...cookies].some((cookie) => !/^[0-9a-f]{1,16}$/.test(cookie));
  if (isBad || cookies.size > MOST_COOKIES || ids.size > MOST_PORTS)
    throw new BadQuestion("cookie=HEX&cookie=HEX...&port=ID...");
  const wanted = [...ids].flatMap((id) => interfaces.get(id) ?? []);
  const [flows, ports] = await Promise.all([
    Promise.all(
      Array.from(cookies, (cookie) =>
        driver.request({ type: "flow_desc_request", cookie: BigInt(`0x${cookie}`), cookieMask: ALL_BITS, match: {} }),
      ),
    ),
    Promise.all(
      wanted.map(async ({ id, ofport }) => ({
        id,
        ...(await driver.request({ type: "port_stats_request", port: ofport })),
      })),
    ),
  ]);
  return {
    flows: flows.flatMap(({ entries }) =>
      entries.map(({ table, priority, match, stats }) => ({
        table,
        priority,
        match: printMatch(match),
        packets: Number(stats.packets ?? 0n),
      })),
    ),
    ports: ports.flatMap(({ id, entries }) =>
      entries.map(({ txPackets, txDropped }) => ({ id, packets: Number(txPackets), dropped: Number(txDropped) })),
    ),
  };
}
