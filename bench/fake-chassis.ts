import { chassisStatusKind, encodeFields, record } from "@dragonflow/model";
import { newCommitId, type StoreDriver } from "@dragonflow/store";
import { connectAs, relayAccess } from "./lab-access.ts";

/**
 * Chassis without a host: they are alive, and take tunnel packets at an address where nobody is. As the peer's benchmark has them, so that ports that
 * are bound there cost other hosts what ports of real hosts cost.
 */
export class FakeChassis implements AsyncDisposable {
  readonly #stores: readonly StoreDriver[];

  static async start(labName: string, count: number): Promise<FakeChassis> {
    const access = await relayAccess(labName);
    const stores = await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const chassis = `chassis-${n}`;
        const store = await connectAs(`chassis:${chassis}`, access);
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
