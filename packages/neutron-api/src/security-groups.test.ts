import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addressGroupKind,
  addressGroupTopic,
  chassisTopic,
  decodeFields,
  groupIdentityKind,
  identityTopic,
  localPortKind,
  type PortObject,
  PROTOCOLS,
  portIdentityKind,
  projectPort,
  securityGroupKind,
  securityGroupTopic,
  type Topic,
} from "@dragonflow/model";
import fc from "fast-check";
import { createApi } from "./http/api.ts";
import { formatIp, formatNetwork, parsePrefix, prefixOf } from "./ipam/addresses.ts";
import { auditStore, nothingSeen } from "./testing/audit.ts";
import { type TestServer, withServer } from "./testing/server.ts";

/** What a topic holds, by record id. */
async function recordsIn(server: TestServer, of: Topic): Promise<ReadonlyMap<string, unknown>> {
  const snapshot = await server.driver.snapshot(of);
  const records = new Map<string, unknown>();
  for await (const page of snapshot.rows) for (const row of page) records.set(row.id, decodeFields(row.value));
  return records;
}
const rulesOf = async (server: TestServer, group: string) =>
  securityGroupKind.parse((await recordsIn(server, securityGroupTopic(group))).get(`security-group/${group}`)).rules;

/** The numbers of the sets that a group is in, as those read them who have a rule with the group as remote. */
async function identitiesOf(server: TestServer, group: string): Promise<readonly number[]> {
  const records = [...(await recordsIn(server, securityGroupTopic(group)))];
  return records.filter(([id]) => id.startsWith("group-identity/")).map(([, r]) => groupIdentityKind.parse(r).identity);
}
const localPort = async (server: TestServer, host: string, port: string) =>
  localPortKind.parse((await recordsIn(server, chassisTopic(host))).get(`local-port/${port}`));
async function portIdentity(server: TestServer, network: string, port: string) {
  const record = (await recordsIn(server, identityTopic(network))).get(`port-identity/${port}`);
  return record === undefined ? undefined : portIdentityKind.parse(record);
}
async function makeGroups(server: TestServer, ...names: readonly string[]): Promise<readonly string[]> {
  return Promise.all(names.map((name) => server.create("security_groups", { name })));
}

test("a group, a rule, a port that has the group: what their hosts read", async () => {
  await withServer({}, async (server) => {
    const { network } = await server.createNetwork("10.0.0.0/24");
    const group = await server.create("security_groups", { name: "web" });
    const rule = await server.create("security_group_rules", {
      security_group_id: group,
      direction: "ingress",
      protocol: "tcp",
      port_range_min: 80,
      port_range_max: 80,
      remote_ip_prefix: "192.0.2.9/24",
    });
    const port = await server.create("ports", {
      network_id: network,
      "binding:host_id": "h1",
      security_groups: [group],
      fixed_ips: [{ ip_address: "10.0.0.9" }],
      allowed_address_pairs: [
        { ip_address: "10.0.0.9" },
        { ip_address: "fd00::1:7/112" },
        { ip_address: "10.9.0.1/32" },
      ],
    });
    const rules = await rulesOf(server, group);
    assert.deepEqual(
      rules.find(({ id }) => id === rule),
      {
        id: rule,
        direction: "ingress",
        ipVersion: 4,
        protocol: 6,
        portMin: 80,
        portMax: 80,
        remotePrefix: "192.0.2.0/24",
        remoteGroupId: null,
        remoteAddressGroupId: null,
      },
    );
    const [number] = await identitiesOf(server, group);
    const { securityGroups, identity } = await localPort(server, "h1", port);
    assert.deepEqual([securityGroups, identity], [[group], number]);
    const known = await portIdentity(server, network, port);
    assert.equal(known?.identity, number);
    assert.deepEqual(known?.addresses, ["10.0.0.9", "fd00::1:0/112", "10.9.0.1"]);
  });
});

test("a port that joins a set which another has changes nothing in any group", async () => {
  await withServer({}, async (server) => {
    const { network } = await server.createNetwork("10.0.0.0/16");
    const [a = "", b = ""] = await makeGroups(server, "a", "b");
    const join = (security_groups: readonly string[], host: string) =>
      server.create("ports", { network_id: network, security_groups, "binding:host_id": host });
    const first = await join([a, b], "h1");
    const heads = () => Promise.all([a, b].map((id) => server.driver.head(securityGroupTopic(id))));
    const before = await heads();
    const ports = [await join([a, b], "h1"), await join([b, a], "h2"), await join([b, a], "")];
    for (const [i, port] of ports.entries()) {
      const change = { port: { "binding:host_id": `h${i + 3}`, name: "moved" } };
      assert.equal((await server.request("PUT", `/v2.0/ports/${port}`, change)).status, 200);
    }
    const bulk = {
      ports: [
        { network_id: network, security_groups: [a, b] },
        { network_id: network, security_groups: [b, a] },
      ],
    };
    assert.equal((await server.request("POST", "/v2.0/ports", bulk)).status, 201);
    for (const port of [first, ...ports]) await server.request("DELETE", `/v2.0/ports/${port}`);
    assert.deepEqual(await heads(), before, "neither joining, nor moving, nor leaving");

    const last = await join([a], "h1");
    const [ofA, ofB] = [await identitiesOf(server, a), await identitiesOf(server, b)];
    assert.equal(ofA.length, 2, "a set that nobody had is made known once");
    assert.equal(ofB.length, 1);
    assert.equal(new Set([...ofA, ...ofB]).size, 2);
    assert.ok(ofA.includes((await localPort(server, "h1", last)).identity));
  });
});

test("the number follows the set of groups, and is told of bound ports that have one", async () => {
  await withServer({}, async (server) => {
    const { network } = await server.createNetwork("10.0.0.0/24");
    const [a = "", b = ""] = await makeGroups(server, "a", "b");
    const port = await server.create("ports", { network_id: network, security_groups: [a] });
    const put = async (change: object) =>
      assert.equal((await server.request("PUT", `/v2.0/ports/${port}`, { port: change })).status, 200);
    assert.equal(await portIdentity(server, network, port), undefined, "bound nowhere");
    await put({ "binding:host_id": "h1" });
    const [ofA] = await identitiesOf(server, a);
    assert.equal((await portIdentity(server, network, port))?.identity, ofA);
    await put({ security_groups: [b, a] });
    const [both] = await identitiesOf(server, b);
    assert.equal((await portIdentity(server, network, port))?.identity, both);
    assert.deepEqual((await localPort(server, "h1", port)).securityGroups, [a, b].toSorted());
    await put({ security_groups: [] });
    assert.equal(await portIdentity(server, network, port), undefined, "outside");
    assert.equal((await localPort(server, "h1", port)).identity, 0);
    await put({ security_groups: [a] });
    assert.equal((await portIdentity(server, network, port))?.identity, ofA, "the same number as before");
    await put({ "binding:host_id": "" });
    assert.equal(await portIdentity(server, network, port), undefined);
    const dhcp = await server.create("ports", {
      network_id: network,
      device_owner: "network:dhcp",
      "binding:host_id": "h1",
    });
    assert.deepEqual((await localPort(server, "h1", dhcp)).securityGroups, []);
    assert.equal(await portIdentity(server, network, dhcp), undefined);
  });
});

test("with a group go its sets, and the rules that refer to it", async () => {
  await withServer({}, async (server) => {
    const network_id = await server.create("networks", {});
    const [a = "", b = ""] = await makeGroups(server, "a", "b");
    const rule = await server.create("security_group_rules", {
      security_group_id: b,
      direction: "ingress",
      remote_group_id: a,
    });
    const ports = await Promise.all(
      [[a], [a, b], [b]].map((security_groups) => server.create("ports", { network_id, security_groups })),
    );
    assert.equal((await server.request("DELETE", `/v2.0/security-groups/${a}`)).error, "409 SecurityGroupInUse");
    for (const port of ports) await server.request("DELETE", `/v2.0/ports/${port}`);
    assert.equal((await identitiesOf(server, b)).length, 2);
    assert.equal((await server.request("DELETE", `/v2.0/security-groups/${a}`)).status, 204);
    assert.equal((await identitiesOf(server, b)).length, 1);
    assert.equal((await recordsIn(server, securityGroupTopic(a))).size, 0);
    assert.ok((await rulesOf(server, b)).every(({ id }) => id !== rule));
    const seen = { ...nothingSeen(), networks: new Set([network_id]), securityGroups: new Set([a, b]) };
    await auditStore(server.driver, await server.engine.read(), seen);
  });
});

test("every protocol reaches the hosts as a number, and nothing for all of them", async () => {
  await withServer({}, async (server) => {
    const [group = ""] = await makeGroups(server, "g");
    const makeRule = async (values: object) => {
      const id = await server.create("security_group_rules", {
        security_group_id: group,
        direction: "ingress",
        ...values,
      });
      const rule = (await rulesOf(server, group)).find((each) => each.id === id);
      await server.request("DELETE", `/v2.0/security-group-rules/${id}`);
      return rule!;
    };
    for (const [name, number] of Object.entries(PROTOCOLS)) {
      const expected = number === 0 ? null : number;
      assert.equal(
        (await makeRule({ ethertype: "IPv6", protocol: number })).protocol,
        number === 1 ? 58 : expected,
        name,
      );
      assert.equal(
        (await makeRule({ ethertype: "IPv6", protocol: name })).protocol,
        number === 1 ? 58 : expected,
        name,
      );
    }
    assert.equal((await makeRule({ protocol: 255 })).protocol, 255);
    assert.equal((await makeRule({ protocol: "icmp" })).protocol, 1);
    const { portMin, portMax } = await makeRule({ protocol: "icmp", port_range_min: 0, port_range_max: 0 });
    assert.deepEqual([portMin, portMax], [0, 0], "type 0 and code 0 are values");
    assert.equal((await makeRule({ remote_ip_prefix: "0.0.0.0/0", protocol: "udp" })).remotePrefix, null);
    assert.equal((await makeRule({ remote_ip_prefix: "192.0.2.1" })).remotePrefix, "192.0.2.1/32");
  });
});

test("an address group reaches the hosts by itself: its rules do not change with it", async () => {
  await withServer({}, async (server) => {
    const addresses = ["192.0.2.0/24", "198.51.100.7/32", "2001:db8::1/128"];
    const id = await server.create("address_groups", { addresses });
    const known = async () =>
      addressGroupKind.parse((await recordsIn(server, addressGroupTopic(id))).get(`address-group/${id}`)).addresses;
    assert.deepEqual(await known(), ["192.0.2.0/24", "198.51.100.7", "2001:db8::1"]);
    const [group = ""] = await makeGroups(server, "g");
    await server.create("security_group_rules", {
      security_group_id: group,
      direction: "egress",
      remote_address_group_id: id,
    });
    const before = await server.driver.head(securityGroupTopic(group));
    const path = `/v2.0/address-groups/${id}/remove_addresses`;
    assert.equal((await server.request("PUT", path, { addresses: ["192.0.2.0/24"] })).status, 200);
    assert.deepEqual(await known(), ["198.51.100.7", "2001:db8::1"]);
    assert.deepEqual(await server.driver.head(securityGroupTopic(group)), before);
  });
});

test("who is no administrator does not remove the default group", async () => {
  await withServer({}, async (server) => {
    const api = createApi(server.engine, { authenticate: () => ({ projectId: "p", isAdmin: false }) });
    const listed = await api.inject({ method: "GET", url: "/v2.0/security-groups" });
    const [group] = JSON.parse(listed.body).security_groups;
    const refused = await api.inject({ method: "DELETE", url: `/v2.0/security-groups/${group.id}` });
    assert.equal(JSON.parse(refused.body).NeutronError.type, "SecurityGroupCannotRemoveDefault");
    await api.close();
  });
});

test("a chosen id is the id of what was asked for, not of the default group that comes with it", async () => {
  await withServer({}, async (server) => {
    const id = "0b5c2e6a-1111-4222-8333-444455556666";
    const headers = { "x-dragonflow-object-id": id };
    const made = await server.request("POST", "/v2.0/security-groups", { security_group: { name: "g" } }, headers);
    assert.equal(made.text("security_group.id"), id);
    assert.equal(made.text("security_group.name"), "g");
    assert.equal((await server.get("/v2.0/security-groups")).list("security_groups").length, 2);
  });
});

test("prefixes of pairs lose their host bits, whatever they are", () => {
  const plain: PortObject = {
    id: "p",
    project_id: "",
    name: "",
    description: "",
    created_at: "",
    updated_at: "",
    revision_number: 0,
    tags: [],
    key: 1,
    network_id: "n",
    mac_address: "fa:16:3e:00:00:01",
    fixed_ips: [],
    admin_state_up: true,
    status: "DOWN",
    device_id: "",
    device_owner: "",
    port_security_enabled: true,
    allowed_address_pairs: [],
    extra_dhcp_opts: [],
    dns_name: "",
    requested_host_id: "h",
    host_id: "h",
    security_groups: ["g"],
    identity_key: 7,
    vnic_type: "normal",
    binding_profile: {},
  };
  const addressesOf = (ip_address: string): unknown => {
    const allowed_address_pairs = [{ ip_address, mac_address: plain.mac_address }];
    const found = projectPort({ ...plain, allowed_address_pairs }).find(({ kind }) => kind === "port-identity");
    return portIdentityKind.parse(found?.fields).addresses;
  };
  const ip = fc.oneof(
    fc.record({ version: fc.constant(4 as const), value: fc.bigInt(0n, (1n << 32n) - 1n) }),
    fc.record({ version: fc.constant(6 as const), value: fc.bigInt(0n, (1n << 128n) - 1n) }),
    // Runs of zeros, where they are written short.
    fc.record({
      version: fc.constant(6 as const),
      value: fc
        .array(fc.constantFrom(0n, 0n, 1n), { minLength: 8, maxLength: 8 })
        .map((u) => u.reduce<bigint>((v, w) => (v << 16n) | w, 0n)),
    }),
  );
  fc.assert(
    fc.property(ip, fc.nat(128), (address, n) => {
      const bits = address.version === 4 ? 32 : 128;
      const length = n % bits;
      const network = formatNetwork(prefixOf(address, length));
      const text = formatIp(address);
      assert.deepEqual(addressesOf(`${text}/${length}`), [network]);
      assert.deepEqual(addressesOf(`${text}/${bits}`), [text]);
      assert.ok(parsePrefix(network) !== undefined);
    }),
    { numRuns: 500 },
  );
});
