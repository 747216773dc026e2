import { networkTopic } from "@dragonflow/model";
import { type StoreDriver, Unavailable } from "@dragonflow/store";
import { type Faults, type Harness, within } from "@dragonflow/store/conformance";
import { openEtcdStore } from "../index.ts";
import { Cluster } from "./cluster.ts";
import { Peers } from "./peers.ts";
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

function leaderFaults(cluster: Cluster, peers: Peers): Faults {
  return {
    async killLeader() {
      const leader = await cluster.leader();
      await leader.kill("SIGKILL");
      return () => leader.start();
    },
    async pauseLeader() {
      const leader = await cluster.leader();
      leader.pause();
      return async () => leader.resume();
    },
    async isolateLeader() {
      const { name } = await cluster.leader();
      peers.isolate(name, cluster.idOf(name));
      return async () => peers.mend();
    },
  };
}

/** Real etcd; the client under test has a wire to it that can be cut. */
export async function etcdHarness(members: 1 | 3 = 1): Promise<Harness & { readonly cluster: Cluster }> {
  const peers = new Peers();
  const between = (name: string, port: number): Promise<number> => peers.open(name, port);
  const cluster = await Cluster.start(members === 1 ? {} : { members, between });
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
    faults: {
      compact: () => cluster.compact(),
      async empty() {
        await cluster.empty();
        await reachable(driver);
      },
      async hold() {
        for (const proxy of proxies) proxy.hold();
        return async () => {
          for (const proxy of proxies) proxy.release();
        };
      },
      ...(members === 3 && leaderFaults(cluster, peers)),
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
      peers.close();
      await cluster.remove();
    },
  };
}
