import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig, maxMtu } from "./config.ts";

test("a network's MTU leaves room for what carries it, on an underlay of either IP version", () => {
  const mtus = ([4, 6] as const).map((underlayIpVersion) =>
    ["geneve", "vxlan", "flat"].map((type) => maxMtu({ ...defaultConfig, underlayIpVersion }, type)),
  );
  assert.deepEqual(mtus, [
    [1442, 1450, 1500],
    [1422, 1430, 1500],
  ]);
  assert.equal(maxMtu({ ...defaultConfig, underlayMtuBytes: 9000 }, "geneve"), 8942);
});
