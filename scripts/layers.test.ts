import assert from "node:assert/strict";
import { test } from "node:test";
import { LAYERS, verifyLayers } from "./layers.ts";

test("no package imports what its layer does not allow", () => {
  assert.deepEqual(verifyLayers(), []);
});

test("the table has no cycle: a lower layer never imports a higher one", () => {
  const names = new Map(
    Object.keys(LAYERS).map((folder) => [
      folder === "apps/*" ? "app-*" : folder.replace("drivers/", "driver-"),
      LAYERS[folder] ?? [],
    ]),
  );
  const below = (name: string, path: readonly string[]): void => {
    assert.ok(!path.includes(name), `cycle: ${[...path, name].join(" -> ")}`);
    for (const next of names.get(name) ?? []) below(next, [...path, name]);
  };
  for (const name of names.keys()) below(name, []);
});
