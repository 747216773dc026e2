import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIp } from "@dragonflow/packet";
import { rule } from "@dragonflow/pipeline/testing";
import fc from "fast-check";
import { disjoint } from "./peers.ts";
import { blocks, servicesOf } from "./services.ts";

const port = fc.nat(0xffff);

test("blocks are together the range, do not overlap, and are the fewest", () => {
  fc.assert(
    fc.property(port, port, port, (a, b, probe) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      const found = blocks(first, last);
      const holding = found.filter(({ value, mask }) => (probe & mask) === value);
      assert.equal(holding.length, probe >= first && probe <= last ? 1 : 0);
      const sizes = found.map(({ mask }) => 0x10000 - mask);
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        last - first + 1,
      );
      // Sizes go up, then down, none three times in a row: nothing can be joined.
      assert.ok(found.length <= 30);
      const merged = found.some(({ value }, i) => sizes[i] === sizes[i + 1] && value % (2 * (sizes[i] ?? 0)) === 0);
      assert.ok(!merged);
    }),
  );
  assert.deepEqual(blocks(0, 0xffff), [{ value: 0, mask: 0 }]);
  assert.deepEqual(blocks(22, 22), [{ value: 22, mask: 0xffff }]);
  assert.deepEqual(blocks(9, 8), []);
});

test("what no packet can be allows nothing", () => {
  for (const fields of [
    { protocol: null, portMin: 1, portMax: 2 },
    { protocol: 47, portMin: 1, portMax: 2 },
    { protocol: 58, portMin: 128 },
    { protocol: 1, ipVersion: 6, portMin: 8 },
    { protocol: 1, portMin: 256 },
    { protocol: 1, portMax: 1000 },
    { protocol: 6, portMin: 9, portMax: 8 },
  ] as const)
    for (const stateful of [true, false])
      assert.deepEqual(servicesOf(rule({ n: 1, direction: "ingress", ...fields }), stateful), []);
  assert.deepEqual(servicesOf(rule({ n: 1, direction: "ingress", protocol: 136, portMin: 1, portMax: 1 }), false), []);
});

test("type and code zero are values; half a range is open", () => {
  const of = (fields: object) => servicesOf(rule({ n: 1, direction: "ingress", ...fields }), true)[0];
  assert.deepEqual(of({ protocol: 1, portMin: 0, portMax: 0 }), { ct_nw_proto: 1, ct_tp_src: 0, ct_tp_dst: 0 });
  assert.deepEqual(of({ protocol: 1, portMax: 0 }), { ct_nw_proto: 1, ct_tp_dst: 0 });
  assert.deepEqual(of({ protocol: 58, ipVersion: 6, portMin: 128 }), { ct_nw_proto: 58, ct_tp_src: 128 });
  assert.deepEqual(of({ protocol: 6, portMin: 0xffff }), {
    ct_nw_proto: 6,
    ct_tp_dst: { value: 0xffff, mask: 0xffff },
  });
  assert.deepEqual(of({ protocol: 0 }), { ip_proto: 0 });
});

test("a piece of SCTP, of which no port is seen, is not taken for one to port zero", () => {
  const fields = { direction: "ingress", protocol: 132, portMin: 0, portMax: 1023 } as const;
  const first1024 = { ip_proto: 132, sctp_dst: { value: 0, mask: 0xfc00 }, ip_frag: 0 };
  for (const stateful of [true, false]) assert.deepEqual(servicesOf(rule({ n: 1, ...fields }), stateful), [first1024]);
});

const prefixes = fc.oneof(
  fc.tuple(fc.nat(15), fc.integer({ min: 0, max: 32 })).map(([n, bits]) => `10.0.0.${n * 16}/${bits}`),
  fc.nat(255).map((n) => `10.0.0.${n}`),
);
test("disjoint prefixes hold the same addresses, each once", () => {
  const holds = (prefix: string, address: string): boolean => {
    const [base = "", bits = "32"] = prefix.split("/");
    const size = 2 ** (32 - Number(bits));
    return Math.floor(Number(parseIp(base)) / size) === Math.floor(Number(parseIp(address)) / size);
  };
  fc.assert(
    fc.property(fc.array(prefixes), fc.nat(255), (all, n) => {
      const address = `10.0.0.${n}`;
      const holding = disjoint(all).filter((prefix) => holds(prefix, address));
      assert.equal(holding.length, all.some((prefix) => holds(prefix, address)) ? 1 : 0);
    }),
  );
});
