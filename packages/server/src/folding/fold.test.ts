import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Claim, foldChassis, foldPort } from "./fold.ts";

const CHASSIS = ["a", "b", "c", "d"] as const;
const claims = fc.uniqueArray(
  fc.record({ chassis: fc.constantFrom(...CHASSIS), isAlive: fc.boolean(), isUp: fc.boolean() }),
  { selector: (claim) => claim.chassis },
);
const host = fc.constantFrom("", ...CHASSIS, "e");
const unrequested = (host_id: string) => ({ requested_host_id: "", host_id });
const claim = (chassis: string, isUp = true): Claim => ({ chassis, isAlive: true, isUp });

test("a port that was asked to be on a host is there, whoever claims it", () => {
  fc.assert(
    fc.property(fc.constantFrom(...CHASSIS), host, claims, (requested_host_id, host_id, made) => {
      assert.equal(foldPort({ requested_host_id, host_id }, made).host_id, requested_host_id);
    }),
  );
});

test("who has a port keeps it; else a living claimant gets it; else who had it, while it claims it; else nobody", () => {
  fc.assert(
    fc.property(host, claims, (holder, made) => {
      const { host_id } = foldPort(unrequested(holder), made);
      const names = (of: readonly Claim[]): string[] => of.map((c) => c.chassis);
      const alive = names(made.filter((c) => c.isAlive));
      if (alive.includes(holder)) assert.equal(host_id, holder);
      else if (alive.length > 0) assert.ok(alive.includes(host_id));
      else assert.equal(host_id, names(made).includes(holder) ? holder : "");
    }),
  );
});

test("the order of claims makes no difference, and folding again changes nothing", () => {
  const port = fc.record({ requested_host_id: host, host_id: host });
  fc.assert(
    fc.property(port, claims, fc.infiniteStream(fc.nat()), (before, made, order) => {
      const folded = foldPort(before, made);
      const shuffled = made
        .map((each) => ({ each, at: order.next().value ?? 0 }))
        .sort((a, b) => a.at - b.at)
        .map(({ each }) => each);
      assert.deepEqual(foldPort(before, shuffled), folded);
      assert.deepEqual(foldPort({ ...before, host_id: folded.host_id }, made), folded);
    }),
  );
});

test("active means: its host lives, and has its flows in place", () => {
  fc.assert(
    fc.property(host, host, claims, (requested_host_id, host_id, made) => {
      const folded = foldPort({ requested_host_id, host_id }, made);
      const own = made.find((c) => c.chassis === folded.host_id);
      assert.equal(folded.status === "ACTIVE", own?.isAlive === true && own.isUp);
    }),
  );
});

test("every claimant but the holder is refused, and nobody where there is no holder", () => {
  assert.deepEqual(foldPort(unrequested(""), [claim("b"), claim("a", false)]), {
    host_id: "a",
    status: "DOWN",
    refused: ["b"],
  });
  const dead = { ...claim("a"), isAlive: false };
  assert.deepEqual(foldPort(unrequested(""), [dead]), { host_id: "", status: "DOWN", refused: [] });
  assert.deepEqual(foldPort(unrequested("a"), [dead]), { host_id: "a", status: "DOWN", refused: [] });
  assert.deepEqual(foldPort(unrequested("a"), [dead, claim("b")]), { host_id: "b", status: "ACTIVE", refused: ["a"] });
});

test("a chassis is kept while it lives or has an agent, and shows where its tunnels end", () => {
  const status = {
    id: "a",
    hostname: "a.example",
    tunnelIp: "192.0.2.1",
    encapsulations: ["geneve"] as const,
    release: "1",
    startedAt: "2026-01-01T00:00:00Z",
    bridgeMappings: [],
  };
  const endpoint = { id: "a", ip: "192.0.2.1", encapsulations: ["geneve"] };
  assert.deepEqual(foldChassis({ name: "a", isAlive: true, hasAgent: false, status }), endpoint);
  assert.deepEqual(foldChassis({ name: "a", isAlive: false, hasAgent: true, status }), endpoint);
  assert.equal(foldChassis({ name: "a", isAlive: false, hasAgent: true, status: undefined }), "keep");
  assert.equal(foldChassis({ name: "a", isAlive: false, hasAgent: false, status }), "forget");
});
