import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openSqliteStore, SQLITE_CAPABILITIES } from "@dragonflow/driver-sqlite";
import { networkTopic, parseTopic } from "@dragonflow/model";
import { newCommitId, parseRecordId } from "@dragonflow/store";
import { ApiClient } from "../api/client.ts";
import { networks, subnets } from "../api/resources.ts";
import { freePort } from "../lab/free-port.ts";
import { dragonflow, startDragonflow } from "../testing/dragonflow.ts";

const directory = mkdtempSync(join(tmpdir(), "df-db-"));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, "cloud.db");
const store = ["--store", `sqlite:${file}`];

async function said(args: readonly string[], code = 0): Promise<string> {
  const outcome = await dragonflow(["db", ...args]);
  assert.equal(outcome.code, code, outcome.stderr + outcome.stdout);
  return code === 0 ? outcome.stdout : outcome.stdout + outcome.stderr;
}
/** What a command printed with --json: its shape is what these tests are about. */
const json = async (args: readonly string[], code = 0) => JSON.parse(await said([...args, "--json"], code));

describe("dragonflow db", () => {
  let networkId: string;

  before(async () => {
    const port = await freePort();
    const secret = join(directory, "secret");
    const args = ["server", "--store", `sqlite:${file}`, "--secret-file", secret, "--api-port", String(port)];
    const server = startDragonflow(args, {});
    await server.saw('"msg":"serving"');
    const api = new ApiClient(`http://127.0.0.1:${port}`);
    networkId = (await api.create(networks, { name: "one" })).id;
    await api.create(subnets, { network_id: networkId, cidr: "192.0.2.0/24", ip_version: 4 });
    server.kill("SIGTERM");
    assert.equal(await server.ended, 0, server.output());
  });

  test("capabilities: as the connected store declares them, in words or as JSON", async () => {
    assert.deepEqual(await json(["capabilities", `sqlite:${file}`]), SQLITE_CAPABILITIES);
    const text = await said(["capabilities", `sqlite:${file}`]);
    assert.match(text, /^CAPABILITY +VALUE +WHAT IT MEANS\natomic +all-topics +a commit is one transaction/);
    assert.match(text, /\nbytesPerRecord +1 MiB +/);
    assert.match(await said(["capabilities", `sqlite:${file}.none`], 1), /there is no store/);
    assert.match(await said(["capabilities", "nonsense:x"], 1), /is no store/);
  });

  test("ls and get: topics, their records, and one of them", async () => {
    const topics = await json(["ls", ...store]);
    const own = topics.find(({ topic }: { readonly topic: string }) => topic === networkTopic(networkId));
    assert.ok(own.records >= 2 && own.bytes > 0, "the network and its subnet");
    assert.match(await said(["ls", ...store]), new RegExp(`\n${networkTopic(networkId)} +\\d+ +\\d+ +\\d+\n`));
    const records = await json(["ls", networkTopic(networkId), ...store]);
    assert.equal(records.length, own.records);
    const record = JSON.parse(await said(["get", networkTopic(networkId), `network/${networkId}`, ...store]));
    assert.equal(record.fields.id, networkId);
    assert.match(
      await said(["get", networkTopic(networkId), "network/none", ...store], 1),
      /has no record network\/none/,
    );
    assert.match(await said(["get", "nonsense", "network/none", ...store], 2), /unknown topic family/);
  });

  test("a dump that is loaded elsewhere says the same; what differs is not overwritten", async () => {
    const lines = await said(["dump", ...store]);
    const dumped = join(directory, "cloud.jsonl");
    writeFileSync(dumped, lines);
    const other = ["--store", `sqlite:${join(directory, "other.db")}`];
    assert.match(await said(["load", dumped, ...other]), /^\d+ records written, 0 were there already\n$/);
    assert.match(await said(["load", dumped, ...other]), /^0 records written, \d+ were there already\n$/);
    assert.equal(await said(["dump", ...other]), lines);
    const [here, there] = [await json(["verify", ...store]), await json(["verify", ...other])];
    assert.deepEqual([here.clean, here.differences], [true, []]);
    assert.deepEqual(there, here);
    writeFileSync(dumped, lines.replace('"name":"one"', '"name":"two"'));
    assert.match(await said(["load", dumped, ...other], 1), /is there already, and is another/);
    writeFileSync(dumped, `${lines}nonsense\n`);
    assert.match(await said(["load", dumped, ...other], 1), /line \d+: /);
  });

  test("verify finds what was changed behind the server", async () => {
    const [topic, id] = [parseTopic(networkTopic(networkId)), parseRecordId(`network/${networkId}`)];
    const driver = await openSqliteStore({ file });
    const row = await driver.get(topic, id);
    await driver.commit(newCommitId(), [{ op: "delete", topic, id }], []);
    await driver.close();
    const found = await json(["verify", ...store], 1);
    assert.equal(found.clean, false);
    assert.ok(
      found.differences.some(
        (one: { readonly problem: string; readonly id: string }) => one.problem === "missing" && one.id === id,
      ),
    );
    assert.match(await said(["verify", ...store], 1), new RegExp(`missing  ${topic} ${id}`));
    const again = await openSqliteStore({ file });
    await again.commit(newCommitId(), [{ op: "put", topic, id, value: row?.value ?? new Uint8Array() }], []);
    await again.close();
    assert.equal((await json(["verify", ...store])).clean, true);
  });

  test("watch: what is there, and what happens, until it is interrupted", async () => {
    const watching = startDragonflow(["db", "watch", networkTopic(networkId), ...store, "--json"], {});
    await watching.saw('"type":"current"');
    watching.kill("SIGINT");
    await watching.ended;
    assert.match(watching.output(), new RegExp(`"type":"snapshot","topic":"${networkTopic(networkId)}"`));
  });
});
