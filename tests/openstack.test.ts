/** The `openstack` command, as Debian has it, makes a cloud with VMs that answer, and takes it away again. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Cloud, run, startCloud } from "./support/cloud.ts";

let cloud: Cloud;
let environment: Readonly<Record<string, string>>;

before(async () => {
  cloud = await startCloud({ hosts: 2 });
  environment = { OS_AUTH_TYPE: "none", OS_ENDPOINT: cloud.api.url };
});

/** `openstack COMMAND`, words separated by blanks. @returns the columns asked for with -c, one a line */
const openstack = async (command: string): Promise<string> =>
  (await run(["openstack", ...(command.split(" ") as [string])], environment)).trim();

test("network, subnets, router and ports by openstack; VMs by lab; all is reachable, and all goes again", async () => {
  await openstack("network create blue");
  await openstack("subnet create --network blue --subnet-range 10.10.0.0/24 --dns-nameserver 192.0.2.53 blue4");
  await openstack("network create green");
  await openstack("subnet create --network green --subnet-range 10.20.0.0/24 green4");
  await openstack("router create router");
  for (const subnet of ["blue4", "green4"]) await openstack(`router add subnet router ${subnet}`);
  const web = await openstack(
    "port create --network blue --fixed-ip subnet=blue4,ip-address=10.10.0.80 -f value -c id web",
  );
  const db = await openstack("port create --network green -f value -c id db");

  await cloud.dragonflow("lab", "vm", "add", "host1", web, "--name", "web");
  await cloud.dragonflow("lab", "vm", "add", "host2", db, "--name", "db");
  assert.equal(await openstack("port show -f value -c status -c binding_host_id web"), "host1\nACTIVE");
  const agents = (await openstack("network agent list -f value -c Host -c Alive")).split("\n").sort();
  assert.deepEqual(agents, ["host1 True", "host2 True"]);
  const pings = await cloud.exec({ name: "db" }, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "2", "10.10.0.80");
  assert.match(pings.stdout, / 0% packet loss/);

  await openstack("port set --disable web");
  await cloud.until("a port that is disabled is cut off", async () => {
    return (await cloud.exec({ name: "db" }, "ping", "-n", "-c", "1", "-W", "0.5", "10.10.0.80")).status !== 0;
  });

  await assert.rejects(openstack("network delete blue"), /409/);
  for (const vm of ["web", "db"]) await cloud.dragonflow("lab", "vm", "rm", vm);
  await openstack("port delete web db");
  for (const subnet of ["blue4", "green4"]) await openstack(`router remove subnet router ${subnet}`);
  await openstack("router delete router");
  await openstack("network delete blue green");
  assert.equal(await openstack("port list -f value -c ID"), "");
});
