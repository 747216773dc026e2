import { networkTopic } from "@dragonflow/model";
import { type StoreDriver, Unavailable } from "@dragonflow/store";
import { type Harness, within } from "@dragonflow/store/conformance";
import { openEtcdStore } from "../index.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { openProxy } from "./proxy.ts";

const WATCH_BUFFER_BYTES = 512 * 1024;

/** Resolves once the store answers again. */
export async function reachable(driver: StoreDriver): Promise<void> {
  const reach = async (): Promise<void> => {
    for (;;) {
      try {
        await driver.head(networkTopic("any"));
        return;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
      }
    }
  };
  await within("etcd reachable", reach());
}

/** Real etcd; the client under test has a wire to it that can be cut. */
export async function etcdHarness(options: ClusterOptions = {}): Promise<Harness & { readonly cluster: Cluster }> {
  const cluster = await Cluster.start(options);
  const proxies = await Promise.all(cluster.endpoints.map((endpoint) => openProxy(Number(endpoint.split(":")[1]))));
  const url = `etcd://${proxies.map((proxy) => `127.0.0.1:${proxy.port}`).join(",")}/conformance`;
  const others: StoreDriver[] = [];
  const connect = (): Promise<StoreDriver> => openEtcdStore({ url, watchBufferBytes: WATCH_BUFFER_BYTES });
  let driver = await connect();
  return {
    cluster,
    get driver() {
      return driver;
    },
    async another() {
      const other = await openEtcdStore({ url: cluster.url("conformance"), watchBufferBytes: WATCH_BUFFER_BYTES });
      others.push(other);
      return other;
    },
    async restart() {
      await cluster.stopAll();
      await cluster.startAll();
      await reachable(driver);
    },
    async vanish() {
      await driver.close();
      driver = await connect();
    },
    async backup() {
      const restore = await cluster.backup();
      return async () => {
        await restore();
        await reachable(driver);
      };
    },
    async cut() {
      for (const proxy of proxies) proxy.cut();
      for (const proxy of proxies) proxy.mend();
    },
    watchBufferBytes: WATCH_BUFFER_BYTES,
    async [Symbol.asyncDispose]() {
      for (const other of others) await other.close();
      await driver.close();
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
      await cluster.remove();
    },
  };
}
