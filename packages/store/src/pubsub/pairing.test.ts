import assert from "node:assert/strict";
import { test } from "node:test";
import type { PubSubTraits } from "../contract.ts";
import { type PairedDatabase, pairing } from "./pairing.ts";

const NETWORK: PubSubTraits = { reach: "network", auth: [] };
const cassandra: PairedDatabase = { watch: "none", reach: "network", auth: [] };
const zookeeper: PairedDatabase = { ...cassandra, watch: "poke" };
const sqlite: PairedDatabase = { ...cassandra, watch: "data", reach: "process" };

test("each pair is taken, or refused with its reason", () => {
  const cases: readonly (readonly [PairedDatabase, PubSubTraits | undefined, "database" | "pubsub" | RegExp])[] = [
    [zookeeper, undefined, "database"],
    [zookeeper, NETWORK, "pubsub"],
    [sqlite, undefined, "database"],
    [cassandra, NETWORK, "pubsub"],
    [{ ...cassandra, reach: "machine" }, { reach: "machine", auth: [] }, "pubsub"],
    [{ ...cassandra, auth: ["tls"] }, { reach: "network", auth: ["password"] }, "pubsub"],
    [cassandra, undefined, /tells nobody of changes/],
    [sqlite, NETWORK, /nobody would listen/],
    [{ ...sqlite, watch: "poke" }, NETWORK, /one process alone/],
    [cassandra, { reach: "machine", auth: [] }, /reaches a machine only/],
    [{ ...cassandra, auth: ["password"] }, NETWORK, /the pub\/sub does not/],
  ];
  for (const [database, pubsub, expected] of cases) {
    const judged = pairing(database, pubsub);
    if (typeof expected === "string") assert.deepEqual(judged, { ok: true, wakes: expected });
    else if (judged.ok) assert.fail(`taken, but ${String(expected)}`);
    else assert.match(judged.reason, expected);
  }
});
