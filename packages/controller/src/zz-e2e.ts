// dev only
import { startServer, ensureTls, loadSecret } from "../../server/src/index.ts";
import { createLab, removeLab, listHosts, addVm, execInVm, waitForLease } from "../../lab/src/index.ts";
import { mintToken } from "../../store/src/index.ts";
import { startController } from "./index.ts";
import { readFileSync, rmSync, mkdirSync } from "node:fs";
const dir = "/tmp/df/e2e";
rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });
const tls = await ensureTls(dir + "/tls");
const server = await startServer({
  name: "s1",
  api: { host: "127.0.0.1", port: 0 },
  store: { url: `sqlite:${dir}/nb.db` },
  relay: { host: "127.0.0.1", port: 0, certFile: tls.certFile, keyFile: tls.keyFile },
  secretFile: dir + "/secret",
  logLevel: "info",
});
console.log(server.apiUrl, server.relayUrl);
await removeLab("e2e");
const lab = await createLab({ name: "e2e", hosts: 2 });
const log = {
  info: (f: any, m: string) => console.log("I", m, JSON.stringify(f).slice(0, 300)),
  warn: (f: any, m: string) => console.log("W", m, JSON.stringify(f).slice(0, 300)),
  error: (f: any, m: string) => console.log("E", m, JSON.stringify(f).slice(0, 600)),
};
const cs = [];
try {
  for (const h of await listHosts(lab)) {
    const token = mintToken(await loadSecret(dir + "/secret"), `chassis:${h.chassis}` as any);
    cs.push(
      await startController(
        {
          chassis: h.chassis,
          hostname: h.chassis,
          ovsdb: h.ovsdb,
          bridge: "br-int",
          openflow: h.openflow,
          tunnelIp: h.encapIpv4,
          encapsulations: ["geneve", "vxlan"],
          socket: `${dir}/${h.name}.sock`,
          release: "dev",
        },
        { url: server.relayUrl!, token, ca: readFileSync(tls.caFile, "utf8") },
        log,
      ),
    );
  }
  const api = async (method: string, path: string, body?: any) => {
    const r = await fetch(server.apiUrl + "/v2.0" + path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const t = await r.text();
    if (!r.ok) throw new Error(`${method} ${path} ${r.status} ${t}`);
    return t ? JSON.parse(t) : undefined;
  };
  const n1 = (await api("POST", "/networks", { network: { name: "n1" } })).network,
    n2 = (await api("POST", "/networks", { network: { name: "n2" } })).network;
  const s1 = (await api("POST", "/subnets", { subnet: { network_id: n1.id, ip_version: 4, cidr: "10.1.0.0/24" } }))
    .subnet;
  const s16 = (
    await api("POST", "/subnets", {
      subnet: {
        network_id: n1.id,
        ip_version: 6,
        cidr: "fd00:1::/64",
        ipv6_ra_mode: "slaac",
        ipv6_address_mode: "slaac",
      },
    })
  ).subnet;
  const s2 = (await api("POST", "/subnets", { subnet: { network_id: n2.id, ip_version: 4, cidr: "10.2.0.0/24" } }))
    .subnet;
  const r = (await api("POST", "/routers", { router: { name: "r" } })).router;
  for (const s of [s1, s16, s2]) await api("PUT", `/routers/${r.id}/add_router_interface`, { subnet_id: s.id });
  const vms = [];
  for (const [i, [net, host]] of (
    [
      [n1, "host1"],
      [n1, "host2"],
      [n2, "host2"],
      [n1, "host1"],
    ] as any[]
  ).entries()) {
    const p = (await api("POST", "/ports", { port: { network_id: net.id, "binding:host_id": host } })).port;
    const t0 = performance.now();
    const vm = await addVm(lab, { name: `vm${i + 1}`, host, portId: p.id, mac: p.mac_address, mtu: 1442 });
    try {
      console.log(
        "lease",
        await waitForLease(lab, vm.name, 8000),
        (performance.now() - t0) | 0,
        "ms",
        p.fixed_ips.map((f: any) => f.ip_address).join(),
      );
    } catch (e) {
      console.log("NO LEASE", String(e));
    }
    vms.push({ vm, ips: p.fixed_ips.map((f: any) => f.ip_address) });
  }
  for (const a of vms)
    for (const b of vms)
      if (a !== b)
        for (const ip of b.ips) {
          if (ip.includes(":") && !a.ips.some((x: string) => x.includes(":"))) continue;
          const o = await execInVm(lab, a.vm.name, ["ping", "-c", "2", "-i", "0.2", "-W", "1", ip], {
            stdio: "capture",
          });
          console.log(
            a.vm.name,
            "->",
            b.vm.name,
            ip,
            o.stdout.split("\n").find((l) => /loss/.test(l)),
            /rtt/.test(o.stdout) ? o.stdout.split("\n").at(-2) : "",
          );
        }
  const o = await execInVm(lab, "vm1", ["ping", "-c", "2", "-i", "0.2", "-W", "1", "10.2.0.1"], { stdio: "capture" });
  console.log(
    "gw2",
    o.stdout.split("\n").find((l) => /loss/.test(l)),
  );
  const o2 = await execInVm(lab, "vm1", ["ping", "-c", "1", "-t", "1", "-W", "1", vms[2]!.ips[0]], {
    stdio: "capture",
  });
  console.log("ttl1", o2.stdout);
  console.log(await (await fetch(server.apiUrl + "/v2.0/agents")).text());
  console.log(
    (await api("GET", "/ports")).ports
      .map((p: any) => [p.device_owner, p.status, p["binding:host_id"]].join(" "))
      .join("\n"),
  );
} catch (e) {
  console.error(e);
} finally {
  if (process.env.HOLD) await new Promise((r) => setTimeout(r, Number(process.env.HOLD) * 1000));
  for (const c of cs) await c.close();
  await removeLab("e2e");
  await server.close();
  process.exit(0);
}
