import type { Catalog } from "./catalog.ts";
import { compareText } from "./claims.ts";
import type { App, Membership, Row, Table, View } from "./define.ts";
import { type Derivation, DerivedGroups, DerivedRows } from "./derived.ts";
import type { Slots } from "./slots.ts";
import { type UnitContext, UnitKind } from "./unit-state.ts";

/** The layers of all views of all apps. */
export interface LayerPlan {
  /** Declared layers in order: 1, 2, 5 ... */
  readonly layers: readonly number[];
  /** The layer of each derived table. */
  readonly layerOf: ReadonlyMap<Table, number>;
}

/** @throws {RangeError} when a view reads a table that is not below it, a table is derived in two ways, or two apps share a name. */
export function planLayers(apps: readonly App<unknown>[]): LayerPlan {
  const names = apps.map((app) => app.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new RangeError(`two apps are named ${twice}`);
  const views = new Set(apps.flatMap((app) => app.views));
  const makers = new Map<Table, View>();
  for (const view of views) {
    if (!Number.isInteger(view.layer) || view.layer < 1)
      throw new RangeError(`view ${view.target.name}: layer ${view.layer} is not 1 or more`);
    const other = makers.get(view.target);
    if (other !== undefined && (other.kind === "groups" || view.kind === "groups"))
      throw new RangeError(`table ${view.target.name} is derived twice`);
    if (other !== undefined && other.layer !== view.layer)
      throw new RangeError(`table ${view.target.name} is derived in layers ${other.layer} and ${view.layer}`);
    makers.set(view.target, view);
  }
  for (const view of views) {
    const below = makers.get(view.source)?.layer ?? 0;
    if (below >= view.layer)
      throw new RangeError(`view ${view.target.name} of layer ${view.layer} is of ${view.source.name}, layer ${below}`);
  }
  return {
    layers: [...new Set(Array.from(views, (view) => view.layer))].sort((a, b) => a - b),
    layerOf: new Map([...makers].map(([table, view]) => [table, view.layer])),
  };
}

/**
 * Ties every view and unit to its table. A view that several apps declare is one view, and belongs to the first of them by name.
 * @returns what each layer derives.
 */
export function wireUnits<O>(
  apps: readonly App<O>[],
  plan: LayerPlan,
  catalog: Catalog,
  outputs: Slots<O>,
  context: UnitContext,
): readonly (readonly Derivation[])[] {
  const layers: Derivation[][] = plan.layers.map(() => []);
  const rowTargets = new Map<Table, DerivedRows>();
  const wired = new Set<View>();
  for (const app of apps.toSorted((a, b) => compareText(a.name, b.name))) {
    app.views.forEach((view, ordinal) => {
      if (wired.has(view)) return;
      wired.add(view);
      const layer = plan.layers.indexOf(view.layer);
      const place = { layer, below: view.layer };
      const { anchorings } = catalog.store(view.source);
      if (view.kind === "groups") {
        const groups = new DerivedGroups(catalog.store(view.target), catalog.local);
        layers[layer]?.push(groups);
        const compile = (row: Row): readonly Membership[] => view.memberships(row);
        anchorings.push(new UnitKind({ app: app.name, ordinal }, place, groups, context, compile));
        return;
      }
      let rows = rowTargets.get(view.target);
      if (rows === undefined) {
        rows = new DerivedRows(catalog.store(view.target), catalog.local);
        rowTargets.set(view.target, rows);
        layers[layer]?.push(rows);
      }
      const compile = view.compile.bind(view);
      anchorings.push(new UnitKind({ app: app.name, ordinal }, place, rows, context, compile));
    });
    app.units.forEach((unit, i) => {
      const place = { layer: plan.layers.length, below: Number.POSITIVE_INFINITY };
      const name = { app: app.name, ordinal: app.views.length + i };
      catalog.store(unit.table).anchorings.push(new UnitKind(name, place, outputs, context, unit.compile.bind(unit)));
    });
  }
  return layers;
}
