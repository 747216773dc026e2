import { test } from "node:test";
import { conformance } from "@dragonflow/store/conformance";
import { missingEtcd } from "./testing/cluster.ts";
import { etcdHarness } from "./testing/harness.ts";

const missing = await missingEtcd();
if (missing !== undefined) test("etcd keeps the store contract", { skip: missing }, () => undefined);
else {
  conformance("etcd, one member", () => etcdHarness(1));
  if (process.env["DRAGONFLOW_FULL"] === "1") conformance("etcd, three members", () => etcdHarness(3));
}
