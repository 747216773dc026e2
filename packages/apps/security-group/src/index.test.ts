import { test } from "node:test";
import {
  host,
  network,
  port,
  printDesired,
  securityGroup,
  identity,
  TestBed,
  verifyGolden,
} from "@dragonflow/pipeline/testing";
import app from "./index.ts";

test("flows of a port with one rule", () => {
  const bed = new TestBed(
    [app],
    [
      ...host(),
      ...network({ n: 1 }),
      ...securityGroup({ n: 1, rules: [{ n: 1, direction: "ingress", protocol: 6, portMin: 22, portMax: 22 }] }),
      ...identity(7, [1]),
      ...port({ n: 11, network: 1, groups: [1], identity: 7 }),
    ],
  );
  verifyGolden(new URL("../golden/one-rule.flows", import.meta.url), printDesired(bed.bound, bed.desired()));
});
