import { Engine, LOCAL, type RowChange } from "@dragonflow/engine";
import { chassisTopic } from "@dragonflow/model";
import { type Desired, desiredOutput } from "@dragonflow/pipeline";
import { SELF } from "@dragonflow/pipeline/testing";
import { APPS } from "../apps.ts";
import { dispatch } from "../dispatch.ts";

/** What all apps make of these rows, sorted by who makes it true. */
export function compiled(rows: readonly RowChange[]) {
  const roots = (partition: string): boolean => partition === LOCAL || partition === chassisTopic(SELF);
  const engine = new Engine<Desired>({ apps: APPS.map((app) => app.compile), output: desiredOutput, roots });
  const topics = new Set(rows.map((row) => row.partition).filter((partition) => partition !== LOCAL));
  return dispatch(
    engine.apply(
      rows,
      [...topics].map((partition) => ({ partition, state: "current" as const })),
    ),
  );
}
