/** Who reaches whom, over three hosts with the flows that each compiles by itself, against what the topology says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { APPS } from "@dragonflow/controller";
import { decodePacket } from "@dragonflow/packet";
import fc from "fast-check";
import { Cloud } from "./testing/cloud.ts";
import { arpReply, arpRequest, type End, ping } from "./testing/frames.ts";
import {
  FIRST_PORT,
  hasFamily,
  networkOf,
  type NetworkChoice,
  routerAddress,
  type Topology,
  topologies,
} from "./testing/random-topology.ts";
import { ipv4, ipv6, mac, routerMac } from "./testing/topology.ts";

const VERSIONS = [4, 6] as const;

/** A topology, and what follows from it without any flows. */
class Expected {
  readonly topology: Topology;
  constructor(topology: Topology) {
    this.topology = topology;
  }
  /** Places of ports that are up, in networks that are up. */
  get up(): readonly number[] {
    return this.topology.ports.flatMap(({ adminUp }, i) => (adminUp && this.network(i).adminUp ? [i] : []));
  }
  net(port: number): number {
    return networkOf(this.topology, this.topology.ports[port]?.network ?? 0);
  }
  network(port: number): NetworkChoice {
    const network = this.topology.networks[this.net(port) - 1];
    if (network === undefined) throw new RangeError(`no network of port ${port}`);
    return network;
  }
  end(port: number, version: 4 | 6): End {
    const n = FIRST_PORT + port;
    return { mac: mac(n), ip: version === 4 ? ipv4(this.net(port), n) : ipv6(this.net(port), n) };
  }
  /** Routers with an interface in the network, counted from 0. */
  routersOf(net: number): readonly number[] {
    return [...this.topology.routers.keys()].filter((r) =>
      this.topology.routers[r]?.networks.some((n) => networkOf(this.topology, n) === net),
    );
  }
  /** Any MAC address of the router in the network. */
  entrance(r: number, net: number): string {
    return routerMac((r + 1) * 256 + net);
  }
}
const withoutRoutes = topologies.map((topology) => ({
  ...topology,
  routers: topology.routers.map((router) => ({ ...router, routes: [] })),
}));

/** Runs over all pairs of ports that are up. */
function forAllPairs(
  topology: Topology,
  check: (expected: Expected, cloud: Cloud, from: number, to: number) => void,
): void {
  const expected = new Expected(topology);
  const cloud = new Cloud(APPS, topology);
  for (const from of expected.up) for (const to of expected.up) if (from !== to) check(expected, cloud, from, to);
}
const RUNS = { numRuns: 40 };

test("on one network a frame reaches the port that it is for, once, unchanged, and nobody else", () => {
  fc.assert(
    fc.property(withoutRoutes, (topology) => {
      forAllPairs(topology, (expected, cloud, from, to) => {
        for (const version of VERSIONS.filter((v) => hasFamily(expected.network(from), v))) {
          const frame = ping(expected.end(from, version), expected.end(to, version));
          const reached = cloud.send(from, frame);
          const same = expected.net(from) === expected.net(to);
          assert.deepEqual(reached, same ? [{ port: to, frame }] : []);
        }
      });
    }),
    RUNS,
  );
});

test("a broadcast reaches every other port of its network once, on whatever host, and no other network", () => {
  fc.assert(
    fc.property(withoutRoutes, (topology) => {
      const expected = new Expected(topology);
      const cloud = new Cloud(APPS, topology);
      for (const from of expected.up.filter((port) => hasFamily(expected.network(port), 4))) {
        const reached = cloud.send(from, arpRequest(expected.end(from, 4), ipv4(expected.net(from), 99)));
        const others = expected.up.filter((port) => port !== from && expected.net(port) === expected.net(from));
        assert.deepEqual(
          reached.map(({ port }) => port).toSorted((a, b) => a - b),
          others,
        );
      }
    }),
    RUNS,
  );
});

test("a router leads to the networks that it joins, one hop, and to no other", () => {
  fc.assert(
    fc.property(withoutRoutes, (topology) => {
      forAllPairs(topology, (expected, cloud, from, to) => {
        const [here, there] = [expected.net(from), expected.net(to)];
        const versions = VERSIONS.filter(
          (v) => hasFamily(expected.network(from), v) && hasFamily(expected.network(to), v),
        );
        for (const version of versions)
          for (const r of expected.routersOf(here)) {
            const target = { ...expected.end(to, version), mac: expected.entrance(r, here) };
            const reached = cloud.send(from, ping(expected.end(from, version), target));
            if (!expected.routersOf(there).includes(r)) {
              assert.deepEqual(reached, []);
              continue;
            }
            const [only, ...others] = reached;
            assert.deepEqual(others, []);
            assert.equal(only?.port, to);
            const { ipv4: v4, ipv6: v6 } = decodePacket(only.frame);
            assert.equal(v4?.ttl ?? v6?.hopLimit, 63);
          }
      });
    }),
    RUNS,
  );
});

test("a router answers echo on each of its addresses, whichever of its networks asks", () => {
  fc.assert(
    fc.property(withoutRoutes, (topology) => {
      const expected = new Expected(topology);
      const cloud = new Cloud(APPS, topology);
      for (const from of expected.up)
        for (const r of expected.routersOf(expected.net(from)))
          for (const version of VERSIONS.filter((v) => hasFamily(expected.network(from), v)))
            for (const net of [1, 2, 3, 4].filter((n) => expected.routersOf(n).includes(r))) {
              const network = topology.networks[net - 1];
              if (network === undefined || !hasFamily(network, version)) continue;
              const n = routerAddress(topology, r, net);
              const asked = {
                mac: expected.entrance(r, expected.net(from)),
                ip: version === 4 ? ipv4(net, n) : ipv6(net, n),
              };
              const reached = cloud.send(from, ping(expected.end(from, version), asked));
              assert.deepEqual(
                reached.map(({ port }) => port),
                [from],
              );
              const { icmp4, icmp6 } = decodePacket(reached[0]?.frame ?? new Uint8Array());
              assert.equal((icmp4 ?? icmp6)?.kind, "echo-reply");
            }
    }),
    RUNS,
  );
});

test("what a guarded port says in another's name reaches nobody", () => {
  fc.assert(
    fc.property(topologies, (topology) => {
      forAllPairs(topology, (expected, cloud, from, to) => {
        if (topology.ports[from]?.portSecurity !== true) return;
        const other = { ...expected.end(to, 4), mac: mac(FIRST_PORT + from) };
        for (const frame of [
          ping(expected.end(to, 4), other),
          ping(other, expected.end(to, 4)),
          arpReply(other, expected.end(to, 4)),
        ])
          assert.deepEqual(cloud.send(from, frame), []);
      });
    }),
    RUNS,
  );
});
