import { type Bundled, type Message, OpenFlowError, type OpenFlowSocket } from "@dragonflow/openflow";
import type { Plan, Step } from "./plan.ts";

/** Whether there is nothing to send. */
export function isEmpty({ meters, changes, lastMeters }: Plan): boolean {
  return meters.length + changes.length + lastMeters.length === 0;
}

/**
 * Sends a plan, and waits for the barrier. However large, its groups and flows change in one instant: a packet meets those of before or those of after,
 * and so it does when the connection ends before the commit. Meters are not of that instant: they come before, and go after, what uses them. Where the
 * switch takes the messages but not their commit, as when a table is full, they go one by one, and the instant is not kept.
 *
 * @returns what the switch refused, by key; the rest is in the switch.
 * @throws {ConnectionError} what of it is in the switch is not known.
 */
export async function transmit(
  socket: OpenFlowSocket,
  { meters, changes, lastMeters }: Plan,
): Promise<ReadonlyMap<string, OpenFlowError>> {
  const apply = async (messages: readonly Message[]) => socket.apply(messages);
  const commit = async (messages: readonly Bundled[]) => {
    try {
      return await socket.commit(messages);
    } catch (error) {
      if (!(error instanceof OpenFlowError)) throw error;
      // One that is impossible among the others, as in a table that is full, undoes all. Each by itself, only those are missing.
      return socket.apply(messages);
    }
  };
  // Sent in the order of the calls, without waiting in between.
  const first = await Promise.all([refusals(meters, apply), refusals(changes, commit)]);
  const last = await refusals(lastMeters, apply);
  const refused = new Map<string, OpenFlowError>();
  for (const [key, error] of [...first.flat(), ...last]) if (!refused.has(key)) refused.set(key, error);
  return refused;
}

/** Sends the messages of some steps. @returns the key of each that was refused, and why */
async function refusals<M extends Message>(
  steps: readonly Step<M>[],
  send: (messages: readonly M[]) => Promise<readonly OpenFlowError[]>,
): Promise<readonly (readonly [key: string, error: OpenFlowError])[]> {
  if (steps.length === 0) return [];
  const errors = await send(steps.map(({ message }) => message));
  if (errors.length === 0) return [];
  const keys = new Map<Message | undefined, string>(steps.map(({ key, message }) => [message, key]));
  return errors.map((error) => {
    const { request } = error;
    const key = keys.get(request?.type === "bundle_add_message" ? request.message : request);
    if (key === undefined) throw error;
    return [key, error] as const;
  });
}
