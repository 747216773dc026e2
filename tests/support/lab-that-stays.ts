/**
 * A test that goes on for minutes, with all that a lab can have: for scratch-labs.test.ts, which kills it. Once everything runs it names its
 * namespaces, as JSON, in the file `ready` of the directory for temporary files.
 */
import { renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { type Cloud, run, startCloud, type Vm } from "./cloud.ts";
import { SmallDisk } from "./small-disk.ts";

let cloud: Cloud;
let vm: Vm;
before(async () => {
  cloud = await startCloud({ hosts: 1 });
  await SmallDisk.under(cloud);
  const network = await cloud.network("net");
  await cloud.subnet(network, "10.10.0.0/24");
  vm = await cloud.vm({ name: "vm", host: "host1", network });
});

void test("goes on", async () => {
  const { namespace } = await cloud.host("host1");
  // A child that no lab knows of, in a group of its own.
  const child = run(["ip", "netns", "exec", vm.namespace, "setsid", "--wait", "sleep", "300"]);
  const ready = join(tmpdir(), "ready");
  writeFileSync(`${ready}.new`, JSON.stringify([namespace, namespace.replace("-host1-", "-fabric-"), vm.namespace]));
  renameSync(`${ready}.new`, ready);
  await child;
});
