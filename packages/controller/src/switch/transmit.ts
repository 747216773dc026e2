import { type Message, OpenFlowError, type OpenFlowSocket } from "@dragonflow/openflow";
import type { Plan, Step } from "./plan.ts";

/** Open vSwitch takes so many messages of a connection in one turn, and then turns to others: the barrier is one of them. */
const ONE_TURN = 48;

/** How a plan goes. */
export function wayOf({ meters, changes, lastMeters }: Plan): "nothing" | "messages" | "bundle" {
  const count = meters.length + changes.length + lastMeters.length;
  if (count === 0) return "nothing";
  return count <= ONE_TURN ? "messages" : "bundle";
}

/**
 * Sends a plan, and waits for the barrier. A small one goes as plain messages: one round trip. What comes stands before what goes, so that nothing is
 * missing in between. A large one takes several turns of the switch: it goes as one atomic bundle, which costs a second round trip.
 *
 * @returns what the switch refused, by key; the rest is in the switch.
 * @throws {ConnectionError} what of it is in the switch is not known.
 */
export async function transmit(socket: OpenFlowSocket, plan: Plan): Promise<ReadonlyMap<string, OpenFlowError>> {
  const refused = new Map<string, OpenFlowError>();
  const { meters, changes, lastMeters } = plan;
  const way = wayOf(plan);
  if (way === "nothing") return refused;
  if (way === "messages") {
    await apply(socket, [...meters, ...changes, ...lastMeters], refused);
    return refused;
  }
  await apply(socket, meters, refused);
  try {
    if (changes.length > 0) await socket.commit(changes.map(({ message }) => message));
  } catch (error) {
    if (!(error instanceof OpenFlowError)) throw error;
    // One refusal undoes the whole bundle: send all once more, each by itself, so that only what is refused is missing.
    await apply(socket, changes, refused);
  }
  await apply(socket, lastMeters, refused);
  return refused;
}

async function apply(
  socket: OpenFlowSocket,
  steps: readonly Step<Message>[],
  refused: Map<string, OpenFlowError>,
): Promise<void> {
  if (steps.length === 0) return;
  const keys = new Map<Message | undefined, string>(steps.map(({ key, message }) => [message, key]));
  for (const error of await socket.apply(steps.map(({ message }) => message))) {
    const key = keys.get(error.request);
    if (key === undefined) throw error;
    if (!refused.has(key)) refused.set(key, error);
  }
}
