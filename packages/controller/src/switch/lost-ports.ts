import { objectBits, readCookie } from "@dragonflow/pipeline";

/**
 * After a restart a controller has nothing that it could compare the store with, but for what it left in the switch: ports that are plugged in here,
 * that have flows there, and that the store does not know. Where these are most of the ports with flows, the store has lost them rather than that
 * somebody removed so many while no controller looked on.
 *
 * @param plugged ids of the ports whose interfaces are here
 * @param isKnown whether the store has the port, bound to this host
 * @param cookies of our flows in the switch
 * @returns the ports that are lost; none where they are the fewer
 */
export function lostPorts(
  plugged: Iterable<string>,
  isKnown: (portId: string) => boolean,
  cookies: Iterable<bigint>,
): readonly string[] {
  const withFlows = new Set<bigint>();
  for (const cookie of cookies) {
    const owner = readCookie(cookie);
    // Only who classifies has flows of none but local ports.
    if (owner?.app === "classification") withFlows.add(owner.object);
  }
  const served = Array.from(plugged).filter((id) => withFlows.has(objectBits(id)));
  const lost = served.filter((id) => !isKnown(id));
  return lost.length * 2 > served.length ? lost : [];
}
