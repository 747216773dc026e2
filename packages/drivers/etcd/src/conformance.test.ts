import { test } from "node:test";
import { conformance } from "@dragonflow/store/conformance";
import { missingEtcd } from "./testing/cluster.ts";
import { etcdHarness } from "./testing/harness.ts";

const missing = await missingEtcd();
if (missing !== undefined)
  test(`etcd keeps the store contract: not run, ${missing}`, { skip: missing }, () => undefined);
else conformance("etcd", () => etcdHarness());
