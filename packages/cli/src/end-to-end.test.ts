import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isDeepStrictEqual, promisify } from "node:util";
import { createLab, type LabStatus, openLab, removeLab, startPings } from "@dragonflow/lab";
import { shapes } from "@dragonflow/model";
import { ApiClient } from "./api/client.ts";
import { agents, networks, ports, securityGroups } from "./api/resources.ts";
import { freePort } from "./lab/free-port.ts";
import { startLabServer } from "./lab/processes.ts";
import { until } from "./lab/wait.ts";
import { dragonflow, startDragonflow, startOnTerminal } from "./testing/dragonflow.ts";
import { labNamed, NOTHING, useScratchLabs } from "./testing/traces.ts";

const runFile = promisify(execFile);
const { env, traces } = useScratchLabs();

/** A command that must succeed. @returns its standard output */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await dragonflow(args, env);
  assert.equal(code, 0, `dragonflow ${args.join(" ")}: ${stderr}`);
  return stdout;
}
const statusOf = async (lab: string): Promise<LabStatus> =>
  JSON.parse(await run("lab", "status", "--json", "--lab", lab));
const apiOf = (status: LabStatus): ApiClient => new ApiClient(status.api ?? "");

/** @returns whether every VM answered every other one, by both families. */
async function allReach(labName: string, status: LabStatus): Promise<boolean> {
  const lab = await openLab(labName);
  const pairs = status.vms.flatMap((from) =>
    status.vms
      .filter((to) => to !== from)
      .flatMap((to) => to.addresses.map((address) => ({ from: from.name, to: address }))),
  );
  assert.equal(pairs.length, status.vms.length * (status.vms.length - 1) * 2);
  const pings = await startPings(lab, pairs, { intervalMs: 100 });
  const answered = await pings.waitFor((all) => all.every(({ received }) => received > 2), 20_000);
  const lossy = (await pings.stop()).filter(({ lost, error }) => lost > 0 || error !== null);
  assert.deepEqual(lossy, []);
  return answered;
}

describe("a lab from its making to its end", () => {
  const [demo, empty] = [labNamed("demo"), labNamed("empty")];
  let before: LabStatus;

  test("two come up side by side, and one shows what it has", async () => {
    const [made] = await Promise.all([
      run("up", "--detach", "--hosts", "2", "--json", "--lab", demo),
      run("lab", "up", "--empty", "--hosts", "1", "--lab", empty),
    ]);
    before = await statusOf(demo);
    assert.deepEqual(JSON.parse(made), before);
    assert.deepEqual(Object.keys(before), ["api", "hosts", "vms"]);
    assert.match(before.api ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.deepEqual(
      before.hosts.map(({ name, chassis, state, ovsdb }) => [name, chassis, state, ovsdb.replace(/\/.*\//, "")]),
      [
        ["host1", "host1", "up", "unix:db.sock"],
        ["host2", "host2", "up", "unix:db.sock"],
      ],
    );
    assert.deepEqual(
      before.vms.map(({ name, host, addresses }) => [
        name,
        host,
        addresses.map((a) => a.split(/[.:]/).slice(0, 2).join()),
      ]),
      [
        ["vm1", "host1", ["10,10", "fd00,10"]],
        ["vm2", "host1", ["10,20", "fd00,20"]],
        ["vm3", "host2", ["10,10", "fd00,10"]],
        ["vm4", "host2", ["10,20", "fd00,20"]],
      ],
    );
    const other = await statusOf(empty);
    assert.notEqual(other.api, before.api);
    assert.deepEqual(other.vms, []);
    assert.deepEqual(await apiOf(other).list(networks), []);
    assert.deepEqual(
      (await apiOf(other).list(agents)).map(({ host, alive }) => [host, alive]),
      [["host1", true]],
    );
  });

  test("secrets are for their owner alone", () => {
    const directory = join(env["DRAGONFLOW_LAB_DIR"] ?? "", demo);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    for (const file of ["secret", "tokens/host1", "tls/server-key.pem", "dragonflow.toml", "lab.json"])
      assert.equal(statSync(join(directory, file)).mode & 0o077, 0, file);
  });

  test("all VMs reach each other: on one host and across, in one network and routed, by IPv4 and IPv6", async () => {
    assert.ok(await allReach(demo, before));
  });

  test("a second one of the same name is refused, and harms nothing", async () => {
    const again = await dragonflow(["up", "--lab", demo], env);
    assert.equal(again.code, 1);
    assert.match(
      again.stderr,
      /^dragonflow: lab "t\d+demo" is there already; watch it: .*; remove it: dragonflow down --lab/,
    );
    assert.deepEqual(await statusOf(demo), before);
  });

  test("a command in a VM has its output and its exit status", async () => {
    const { code, stdout, stderr } = await dragonflow(
      ["lab", "exec", "vm1", "--lab", demo, "--", "sh", "-c", "cat /sys/class/net/eth0/address; echo err >&2; exit 7"],
      env,
    );
    assert.deepEqual([code, stdout.trim(), stderr.trim()], [7, before.vms[0]?.mac, "err"]);
  });

  test("flows say which object caused them, by id and name", async () => {
    const all: { host: string; owner: { id: string; name: string }; refused: unknown }[] = JSON.parse(
      await run("flows", "--json", "--lab", demo),
    );
    assert.deepEqual([...new Set(all.map(({ host }) => host))], ["host1", "host2"]);
    assert.deepEqual(
      all.filter(({ refused }) => refused !== null),
      [],
    );
    for (const { port_id, name } of before.vms)
      assert.ok(
        all.some(({ owner }) => owner.id === port_id && owner.name === name),
        name,
      );
    const shown = await run("flows", "--lab", demo, "--host", "host1", "--port", "vm1", "--app", "port-security");
    assert.match(
      shown,
      new RegExp(`^host1 {2}\\d+ flows of 1 object\\n\\nport vm1 ${before.vms[0]?.port_id} {2}port-security\\n`),
    );
    assert.match(await run("status", "--lab", demo), /^host2 +host2 +yes +0 +0 +0 /m);
  });

  test("security groups say what they let in, by rule, and what ended", async () => {
    const shown = await run("sg", "stats", "--lab", demo);
    assert.match(shown, /^rules\n.*\n(.*\n)* +[1-9]\d* +[1-9]\d* {2}ping {3}ingress IPv4 icmp\n/);
    assert.match(shown, /\nports\n.*\n +vm1 +host1 +[1-9]\d* +[1-9]\d* +[1-9]\d* +[1-9]\d* +[1-9]\d*\n/);
    const report: { rules: object[]; ports: { name: string; host: string }[] } = JSON.parse(
      await run("sg", "stats", "--json", "--port", "vm4", "--lab", demo),
    );
    assert.deepEqual(
      report.ports.map(({ name, host }) => [name, host]),
      [["vm4", "host2"]],
    );
    assert.equal(report.rules.length, 8);
    const missing = await dragonflow(["sg", "stats", "--group", "nobody", "--lab", demo], env);
    assert.deepEqual([missing.code, missing.stderr], [1, 'dragonflow: there is no security group "nobody"\n']);
  });

  test("a VM is a port: bound when it is added, moved with it, let go with it", async () => {
    const api = apiOf(before);
    const [blue] = await api.list(networks, { name: "blue" });
    const [group] = await api.list(securityGroups, { name: "ping" });
    const port = await api.create(ports, { network_id: blue?.id, security_groups: [group?.id] });
    const bindingOf = async () => {
      const { "binding:host_id": host, status } = await api.show(ports, port.id);
      return [host, status];
    };
    const added = JSON.parse(await run("lab", "vm", "add", "host2", port.id, "--name", "web", "--json", "--lab", demo));
    assert.deepEqual([added.name, added.port_id, added.mac], ["web", port.id, port.mac_address]);
    assert.deepEqual(new Set(added.addresses), new Set(port.fixed_ips.map(({ ip_address }) => ip_address)));
    assert.deepEqual(await bindingOf(), ["host2", "ACTIVE"]);

    // Another host that plugs the same port gets nothing, and is told.
    const late = await dragonflow(
      ["lab", "vm", "add", "host1", port.id, "--no-dhcp", "--name", "late", "--lab", demo],
      env,
    );
    assert.deepEqual([late.code, late.stderr.includes("is bound to host2: late gets no packets")], [0, true]);
    await run("lab", "vm", "rm", "late", "--lab", demo);
    assert.deepEqual(await bindingOf(), ["host2", "ACTIVE"]);

    await run("lab", "vm", "move", "web", "host1", "--lab", demo);
    const pings = await startPings(await openLab(demo), [{ from: "vm3", to: "web" }], { intervalMs: 50 });
    assert.ok(await pings.waitFor(([stats]) => (stats?.received ?? 0) > 2, 20_000));
    await pings.stop();
    assert.equal((await bindingOf())[0], "host1");
    await run("lab", "vm", "rm", "web", "--lab", demo);
    assert.deepEqual(await bindingOf(), ["", "DOWN"]);
    const gone = await dragonflow(["lab", "vm", "add", "host1", "no-such-port", "--lab", demo], env);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /PortNotFound/);
  });

  test("a host dies and comes back; one more joins, and leaves for good", async () => {
    await run("lab", "host", "kill", "host2", "--lab", demo);
    assert.deepEqual(
      (await statusOf(demo)).hosts.map(({ state }) => state),
      ["up", "down"],
    );
    assert.equal((await dragonflow(["status", "--lab", demo], env)).code, 1);
    await run("lab", "host", "start", "host2", "--lab", demo);
    assert.ok(await allReach(demo, before));

    await run("lab", "host", "add", "--lab", demo);
    assert.equal((await statusOf(demo)).hosts.length, 3);
    await run("lab", "host", "rm", "host3", "--lab", demo);
    assert.deepEqual((await apiOf(before).list(agents)).map(({ host }) => host).sort(), ["host1", "host2"]);
    const busy = await dragonflow(["lab", "host", "rm", "host1", "--lab", demo], env);
    assert.deepEqual([busy.code, /host1 has VMs: move or remove vm1, vm2 first/.test(busy.stderr)], [1, true]);
  });

  test("watching ends with its reader, and harms nothing", async () => {
    const watch = startDragonflow(["watch", "--lab", demo], env);
    await watch.saw("Ctrl-C ends the show");
    watch.kill("SIGINT");
    assert.equal(await watch.ended, 0);
    assert.match(watch.output(), /╭ VM ─ host ─ network/);
  });

  test("down removes one and leaves the other; after both nothing is left", async () => {
    await run("down", "--lab", demo);
    assert.deepEqual(await apiOf(await statusOf(empty)).list(networks), []);
    await run("lab", "down", "--lab", empty);
    assert.deepEqual(traces(), NOTHING);
    assert.match((await dragonflow(["down", "--lab", demo], env)).stderr, /there is no lab .* and nothing left of one/);
  });
});

test("networks are VXLAN by option: VMs on two hosts reach each other over it, by IPv4 and IPv6", async () => {
  const lab = labNamed("vxlan");
  const status: LabStatus = JSON.parse(
    await run("up", "--network-type", "vxlan", "--detach", "--hosts", "2", "--json", "--lab", lab),
  );
  const types = { ...networks, shape: shapes.object({ "provider:network_type": shapes.text }) };
  const made = await apiOf(status).list(types);
  assert.deepEqual(
    made.map((network) => network["provider:network_type"]),
    ["vxlan", "vxlan"],
  );
  assert.ok(await allReach(lab, status));
  for (const { ovsdb } of status.hosts) {
    const carried = async (type: string): Promise<string> => {
      const tunnel = ["--bare", "--columns=statistics", "find", "Interface", `type=${type}`];
      return (await runFile("ovs-vsctl", [`--db=${ovsdb}`, ...tunnel])).stdout;
    };
    // Open vSwitch writes its counters down every few seconds.
    await until("packets by VXLAN", async () => /\brx_packets=[1-9]/.test(await carried("vxlan")) || undefined, {
      deadlineMs: 20_000,
    });
    assert.doesNotMatch(await carried("geneve"), /\b[rt]x_packets=[1-9]/);
  }
  await run("down", "--lab", lab);
});

describe("whatever ends the making or the show, nothing is left", () => {
  test("Ctrl-C ends the show: exit status 0", async () => {
    const lab = labNamed("show");
    const up = startDragonflow(["up", "--hosts", "1", "--lab", lab], env);
    await up.saw("Ctrl-C removes all of it.");
    assert.ok(traces().processes.length > 4);
    up.kill("SIGINT");
    up.kill("SIGINT");
    assert.equal(await up.ended, 0, up.output());
    assert.deepEqual(traces(), NOTHING);
  });

  test("a terminal that is closed while the picture is drawn", async () => {
    const up = startOnTerminal(["up", "--hosts", "1", "--lab", labNamed("tty")], { ...env, TERM: "xterm" });
    await up.saw("Ctrl-C removes all of it.");
    await up.saw("\x1b[?25l");
    assert.ok(traces().processes.length > 4);
    up.kill("SIGKILL");
    await until("nothing is left", () => isDeepStrictEqual(traces(), NOTHING) || undefined, { deadlineMs: 20_000 });
  });

  test("a signal in the middle of it", async () => {
    const up = startDragonflow(["up", "--hosts", "2", "--lab", labNamed("half")], env);
    await up.saw("✔ server");
    up.kill("SIGTERM");
    assert.equal(await up.ended, 143, up.output());
    assert.match(up.output(), /dragonflow: stopped; what was made by then is removed\n$/);
    assert.deepEqual(traces(), NOTHING);
  });

  test("kill -9 of all that belongs to it, and of its maker: down finds the rest", async () => {
    const lab = labNamed("killed");
    const up = startDragonflow(["up", "--hosts", "1", "--lab", lab], env);
    await up.saw("Ctrl-C removes all of it.");
    up.kill("SIGKILL");
    await up.ended;
    for (const pid of traces().processes) process.kill(pid, "SIGKILL");
    assert.ok(traces().namespaces.length > 3);
    await run("down", "--lab", lab);
    assert.deepEqual(traces(), NOTHING);
  });

  test("a server that cannot start: what it said last is told", async () => {
    const inTheWay = createServer((_request, response) => response.writeHead(503).end());
    inTheWay.listen(0, "127.0.0.1");
    await once(inTheWay, "listening");
    const address = inTheWay.address();
    assert.ok(typeof address === "object" && address !== null);
    const refused = await dragonflow(
      ["lab", "up", "--empty", "--api-port", `${address.port}`, "--lab", labNamed("no")],
      env,
    );
    assert.deepEqual([refused.code, refused.stderr.includes(`port ${address.port} of 127.0.0.1 is taken`)], [1, true]);
    // The same, but somebody took the port after it was looked at.
    const lab = await createLab({ name: labNamed("race"), hosts: 0 });
    await assert.rejects(
      startLabServer(lab, { api: address.port, relay: await freePort(), store: `sqlite:${lab.directory}/store.db` }),
      new RegExp(`server ended:\\n(.*\\n)*.*${address.port}`),
    );
    await removeLab(lab.name);
    inTheWay.close();
    assert.deepEqual(traces(), NOTHING);
  });
});
