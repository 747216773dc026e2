import { Engine, LOCAL, type PartitionChange, type State } from "@dragonflow/engine";
import { chassisTopic } from "@dragonflow/model";
import type { NetworkApp } from "../app.ts";
import type { Desired } from "../desired.ts";
import { desiredOutput } from "../output.ts";
import { SELF } from "./topology.ts";

/** How an app by itself is checked and its costs counted, for `checkApp` and `costOf`: it sees all topics. */
export const alone = { output: desiredOutput } as const;
/** How all apps together are: with the interest of a controller on SELF. */
export const onHost = {
  output: desiredOutput,
  roots: (partition: string): boolean => partition === LOCAL || partition === chassisTopic(SELF),
} as const;

/**
 * Compiles a state as a controller does: it starts from its own topic, and gets what its units read.
 * @param view `everything`: all topics, wanted or not.
 * @param chassis on which host.
 * @throws {Error} where a unit fails, waits, or two claim the same.
 */
export function compile(
  apps: readonly NetworkApp[],
  state: State,
  view: "interest" | "everything" = "interest",
  chassis: string = SELF,
): Engine<Desired> {
  const own = chassisTopic(chassis);
  const roots = (partition: string): boolean => view === "everything" || partition === LOCAL || partition === own;
  const engine = new Engine<Desired>({ apps: apps.map((app) => app.compile), output: desiredOutput, roots });
  const delivered = new Set<string>([LOCAL]);
  let wanted = new Set<string>([own, ...state.map(({ partition }) => partition).filter(roots)]);
  let first = true;
  while (first || wanted.size > 0) {
    const arriving = [...wanted].filter((partition) => !delivered.has(partition));
    engine.apply(
      state.filter(({ partition }) => arriving.includes(partition) || (first && partition === LOCAL)),
      arriving.map((partition): PartitionChange => ({ partition, state: "current" })),
    );
    for (const partition of arriving) delivered.add(partition);
    const asked = [...engine.interest(), ...engine.pendingUnits().flatMap(({ waitsFor }) => waitsFor)];
    wanted = new Set(asked.filter((partition) => !delivered.has(partition)));
    first = false;
  }
  const [fault] = engine.faults();
  if (fault !== undefined) throw new Error(`${fault.owner.app} ${fault.owner.id}`, { cause: fault.error });
  const [conflict] = engine.conflicts();
  if (conflict !== undefined)
    throw new Error(`${conflict.owners.map(({ app, id }) => `${app} ${id}`).join(" and ")} claim ${conflict.key}`);
  const [waiting] = engine.pendingUnits();
  if (waiting !== undefined) throw new Error(`${waiting.owner.id} waits for ${waiting.waitsFor.join()}`);
  return engine;
}
