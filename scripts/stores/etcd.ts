/** etcd of Debian (etcd-server), without TLS. Run by scripts/stores/etcd. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { etcdCommand } from "@dragonflow/driver-etcd";
import { freePort, main } from "./servers.ts";

await main({
  name: "etcd",
  async start(place, count) {
    const members: { readonly name: string; readonly client: number; readonly peer: number }[] = [];
    for (let i = 1; i <= count; i++)
      members.push({ name: `etcd${i}`, client: await freePort(), peer: await freePort() });
    const initial = members.map(({ name, peer }) => `${name}=http://127.0.0.1:${peer}`).join(",");
    for (const member of members) {
      const data = join(place.directory, member.name);
      mkdirSync(data, { mode: 0o700 });
      const cluster = { initial, token: "dragonflow", state: "new" as const };
      await place.run(member.name, etcdCommand({ ...member, data, cluster }));
    }
    for (const { name, client } of members) await place.ready(`${name} is healthy`, () => isHealthy(client));
    return `etcd://${members.map(({ client }) => `127.0.0.1:${client}`).join(",")}/dragonflow`;
  },
});

async function isHealthy(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`)).ok;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
