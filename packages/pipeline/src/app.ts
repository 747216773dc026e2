import { type App, defineApp, type Unit, type View } from "@dragonflow/engine";
import type { Desired } from "./desired.ts";
import type { Responder } from "./responder.ts";
import type { Table } from "./table.ts";

/** One feature: its tables, what it compiles from rows, and the packets that it answers. */
export interface NetworkApp {
  readonly name: string;
  readonly tables: readonly Table[];
  readonly responders: readonly Responder[];
  readonly compile: App<Desired>;
}

export function defineNetworkApp(definition: {
  readonly name: string;
  readonly tables: readonly Table[];
  readonly units: readonly Unit<Desired>[];
  readonly views?: readonly View[];
  readonly responders?: readonly Responder[];
}): NetworkApp {
  const { name, tables, units, views = [], responders = [] } = definition;
  return { name, tables, responders, compile: defineApp<Desired>({ name, units, views }) };
}
