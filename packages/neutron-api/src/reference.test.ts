import assert from "node:assert/strict";
import { test } from "node:test";
import { apiReference } from "./reference.ts";

test("the reference has every attribute that a client can send", () => {
  const reference = apiReference();
  assert.match(reference, /\| `network_id` \| required \|/);
  assert.match(reference, /\| `binding:host_id` \| yes \| yes \| yes \| yes \|/);
  assert.match(reference, /\| `prefixlen` \| yes \| {2}\| {2}\|/);
  assert.match(reference, /Further filters: .*`not-tags-any`/);
});
