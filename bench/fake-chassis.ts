import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openLab } from "@dragonflow/lab";
import { chassisStatusKind, encodeFields, record } from "@dragonflow/model";
import { loadSecret } from "@dragonflow/server";
import { connectRelay, mintToken, newCommitId, type StoreDriver } from "@dragonflow/store";

/**
 * Chassis without a host: they are alive, and take tunnel packets at an address where nobody is. As the peer's benchmark has them, so that ports that
 * are bound there cost other hosts what ports of real hosts cost.
 */
export class FakeChassis implements AsyncDisposable {
  readonly #stores: readonly StoreDriver[];

  static async start(labName: string, count: number): Promise<FakeChassis> {
    const { directory } = await openLab(labName);
    const text = (file: string): string => readFileSync(join(directory, file), "utf8");
    const relay = /^server = "(.*)"$/m.exec(text("dragonflow.toml"))?.[1];
    if (relay === undefined) throw new Error("the lab's configuration names no relay");
    const ca = text(/^ca_file = ".*\/(tls\/.*)"$/m.exec(text("dragonflow.toml"))?.[1] ?? "tls/ca.pem");
    const secret = await loadSecret(join(directory, "secret"));
    const stores = await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const chassis = `chassis-${n}`;
        const store = await connectRelay(relay, { token: mintToken(secret, `chassis:${chassis}`), ca });
        await store.lease(`chassis/${chassis}`, { ttlSeconds: 60, holder: chassis });
        const status = record(chassisStatusKind, {
          id: chassis,
          hostname: chassis,
          tunnelIp: `172.31.9.${n + 1}`,
          encapsulations: ["geneve"],
          release: "none",
          startedAt: new Date().toISOString(),
          bridgeMappings: [],
        });
        const change = { op: "put", topic: status.topic, id: status.id, value: encodeFields(status.fields) } as const;
        await store.commit(newCommitId(), [change], []);
        return store;
      }),
    );
    return new FakeChassis(stores);
  }
  private constructor(stores: readonly StoreDriver[]) {
    this.#stores = stores;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
  }
}
