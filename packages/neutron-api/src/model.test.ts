import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import fc from "fast-check";
import type { Input } from "./core/attribute.ts";
import type { State } from "./core/state.ts";
import { auditStore, nothingSeen, type Seen } from "./testing/audit.ts";
import { TestServer } from "./testing/server.ts";

/** Small worlds collide more: few names of everything, and requests that refer to whatever is there by number. */
const pick = fc.nat(9);
const octet = fc.integer({ min: 0, max: 9 });
const command = fc.oneof(
  fc.record({ do: fc.constant("network" as const) }),
  fc.record({
    do: fc.constant("subnet" as const),
    network: pick,
    third: octet,
    version: fc.constantFrom(4, 6),
    auto: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("port" as const),
    network: pick,
    host: fc.constantFrom("", "h1", "h2"),
    fixed: fc.option(octet),
    mac: fc.option(octet),
  }),
  fc.record({ do: fc.constant("router" as const) }),
  fc.record({ do: fc.constant("interface" as const), router: pick, subnet: pick, add: fc.boolean() }),
  fc.record({ do: fc.constant("attach" as const), router: pick, port: pick, add: fc.boolean() }),
  fc.record({
    do: fc.constant("change port" as const),
    port: pick,
    host: fc.option(fc.constantFrom("", "h1", "h2")),
    fixed: fc.option(octet),
  }),
  fc.record({ do: fc.constant("change subnet" as const), subnet: pick, end: octet }),
  fc.record({ do: fc.constant("routes" as const), router: pick, third: octet }),
  fc.record({ do: fc.constant("group" as const), project: fc.constantFrom("p", "q"), stateful: fc.boolean() }),
  fc.record({ do: fc.constant("address group" as const), third: octet }),
  fc.record({
    do: fc.constant("rule" as const),
    group: pick,
    protocol: octet,
    remote: fc.option(fc.record({ of: fc.constantFrom("security_groups", "address_groups"), which: pick })),
  }),
  fc.record({
    do: fc.constant("groups of port" as const),
    port: pick,
    groups: fc.array(pick, { maxLength: 3 }),
    secure: fc.option(fc.boolean()),
  }),
  fc.record({
    do: fc.constant("delete" as const),
    from: fc.constantFrom(
      "networks",
      "subnets",
      "ports",
      "routers",
      "security_groups",
      "security_group_rules",
      "address_groups",
    ),
    which: pick,
  }),
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

const REMOTES = { security_groups: "remote_group_id", address_groups: "remote_address_group_id" } as const;

class World {
  readonly server: TestServer;
  readonly seen: Seen = { ...nothingSeen(), hosts: new Set(["h1", "h2"]) };
  constructor(server: TestServer) {
    this.server = server;
  }

  async #id(collection: string, n: number): Promise<string> {
    const ids = (await this.server.get(`/v2.0/${collection}?fields=id`))
      .list(collection)
      .map((o) => String(o["id"]))
      .sort();
    return ids.length === 0 ? "none" : ids[n % ids.length]!;
  }
  async #post(collection: string, values: Input, seen?: Set<string>): Promise<void> {
    const name = collection.slice(0, -1);
    const answer = await this.server.request("POST", `/v2.0/${collection}`, { [name]: values });
    if (answer.status === 201) seen?.add(answer.text(`${name}.id`));
    else assert.ok(answer.status >= 400 && answer.status < 500, answer.raw);
  }
  async #put(path: string, body: Input): Promise<void> {
    const answer = await this.server.request("PUT", path, body);
    assert.ok(answer.status < 500, answer.raw);
  }

  async run(c: Command): Promise<void> {
    switch (c.do) {
      case "network":
        return this.#post("networks", {}, this.seen.networks);
      case "subnet": {
        const modes = c.auto && c.version === 6 ? { ipv6_ra_mode: "slaac", ipv6_address_mode: "slaac" } : {};
        const cidr = c.version === 4 ? `10.0.${c.third}.0/29` : `fd00:${c.third}::/64`;
        const network_id = await this.#id("networks", c.network);
        return this.#post("subnets", { network_id, ip_version: c.version, cidr, ...modes }, this.seen.subnets);
      }
      case "port": {
        const fixed = c.fixed === null ? {} : { fixed_ips: [{ ip_address: `10.0.0.${c.fixed}` }] };
        const mac = c.mac === null ? {} : { mac_address: `fa:16:3e:00:00:0${c.mac}` };
        const network_id = await this.#id("networks", c.network);
        return this.#post("ports", { network_id, "binding:host_id": c.host, ...fixed, ...mac });
      }
      case "router":
        return this.#post("routers", {}, this.seen.routers);
      case "interface": {
        const action = c.add ? "add_router_interface" : "remove_router_interface";
        const subnet_id = await this.#id("subnets", c.subnet);
        return this.#put(`/v2.0/routers/${await this.#id("routers", c.router)}/${action}`, { subnet_id });
      }
      case "attach": {
        const action = c.add ? "add_router_interface" : "remove_router_interface";
        const port_id = await this.#id("ports", c.port);
        return this.#put(`/v2.0/routers/${await this.#id("routers", c.router)}/${action}`, { port_id });
      }
      case "change port": {
        const host = c.host === null ? {} : { "binding:host_id": c.host };
        const fixed = c.fixed === null ? {} : { fixed_ips: [{ ip_address: `10.0.0.${c.fixed}` }] };
        return this.#put(`/v2.0/ports/${await this.#id("ports", c.port)}`, { port: { ...host, ...fixed } });
      }
      case "change subnet": {
        const id = await this.#id("subnets", c.subnet);
        const pools = [{ start: "10.0.0.2", end: `10.0.0.${c.end}` }];
        return this.#put(`/v2.0/subnets/${id}`, { subnet: { allocation_pools: pools } });
      }
      case "routes": {
        const routes = [{ destination: "192.0.2.0/24", nexthop: `10.0.${c.third}.5` }];
        return this.#put(`/v2.0/routers/${await this.#id("routers", c.router)}`, { router: { routes } });
      }
      case "group": {
        const { project: project_id, stateful } = c;
        return this.#post("security_groups", { project_id, stateful }, this.seen.securityGroups);
      }
      case "address group":
        return this.#post("address_groups", { addresses: [`10.0.${c.third}.0/24`] }, this.seen.addressGroups);
      case "rule": {
        const security_group_id = await this.#id("security_groups", c.group);
        const remote = c.remote === null ? {} : { [REMOTES[c.remote.of]]: await this.#id(c.remote.of, c.remote.which) };
        return this.#post("security_group_rules", {
          security_group_id,
          direction: "ingress",
          protocol: c.protocol,
          ...remote,
        });
      }
      case "groups of port": {
        const ids = await Promise.all(c.groups.map((n) => this.#id("security_groups", n)));
        const secure = c.secure === null ? {} : { port_security_enabled: c.secure };
        const port = { security_groups: [...new Set(ids)], ...secure };
        return this.#put(`/v2.0/ports/${await this.#id("ports", c.port)}`, { port });
      }
      case "delete": {
        const answer = await this.server.request("DELETE", `/v2.0/${c.from}/${await this.#id(c.from, c.which)}`);
        assert.ok(answer.status < 500, answer.raw);
      }
    }
  }
}

/** One default group for each project, one number for each set, one kind of group on each port. */
function checkGroups({ securityGroups, ports, identities }: State): void {
  const defaults = Array.from(securityGroups.values()).filter((g) => g.name === "default");
  assert.equal(new Set(defaults.map((g) => g.project_id)).size, defaults.length);
  const numbers = new Map(Array.from(identities.values(), (i) => [i.groups.join(), i.key]));
  assert.equal(new Set(numbers.values()).size, identities.size);
  for (const port of ports.values()) {
    assert.deepEqual(port.security_groups, port.security_groups.toSorted());
    assert.equal(port.identity_key, numbers.get(port.security_groups.join()) ?? 0);
    assert.equal(port.identity_key === 0, port.security_groups.length === 0);
    assert.ok(port.port_security_enabled || port.security_groups.length === 0);
    assert.ok(new Set(port.security_groups.map((id) => securityGroups.get(id)?.stateful)).size < 2);
  }
}

test("whatever is asked in whatever order, the store holds what the objects stand for, and no address twice", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 60 }), async (commands) => {
      const driver = await openSqliteStore({ file: ":memory:" });
      const server = new TestServer(driver, {});
      try {
        const world = new World(server);
        for (const c of commands) await world.run(c);
        await auditStore(driver, await server.engine.read(), world.seen);
        const fixed = Array.from(server.engine.state.ports.values()).flatMap((p) =>
          p.fixed_ips.map((f) => `${f.subnet_id} ${f.ip_address}`),
        );
        assert.equal(new Set(fixed).size, fixed.length);
        checkGroups(server.engine.state);
        const fresh = new TestServer(driver, {});
        const both = await Promise.all([server, fresh].map((s) => s.get("/v2.0/ports?sort_key=id&sort_dir=asc")));
        assert.deepEqual(both[1]?.body, both[0]?.body, "a server that starts now sees the same");
        await fresh.close();
      } finally {
        await server.close();
        await driver.close();
      }
    }),
    { numRuns: 40 },
  );
});
