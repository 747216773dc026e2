import assert from "node:assert/strict";
import { test } from "node:test";
import type { SecurityGroupRecord, SecurityRule } from "@dragonflow/model";
import fc from "fast-check";
import type { Cloud } from "./cloud.ts";
import { type Evaluation, evaluate } from "./evaluate.ts";
import { cases } from "./testing/index.ts";
import type { Verdict } from "./verdict.ts";

const RUNS = { numRuns: 500 };

function withRules(
  cloud: Cloud,
  change: (rules: readonly SecurityRule[], group: SecurityGroupRecord) => readonly SecurityRule[],
): Cloud {
  const groups = [...cloud.securityGroups].map(
    ([id, group]) => [id, { ...group, rules: change(group.rules, group) }] as const,
  );
  return { ...cloud, securityGroups: new Map(groups) };
}
const ends = ({ egress, ingress }: Evaluation): readonly Verdict[] => [egress, ingress];

test("a rule more forbids nothing, and a rule less allows nothing", () => {
  fc.assert(
    fc.property(cases(), fc.nat(), (random, n) => {
      const { cloud, packet } = random;
      const rules = [...cloud.securityGroups.values()].flatMap((group) => group.rules);
      const gone = rules[n % Math.max(1, rules.length)];
      const less = withRules(cloud, (all) => all.filter((rule) => rule !== gone));
      const [before, after] = [less, cloud].map((state) => ends(evaluate(state, packet)));
      before?.forEach((verdict, i) => assert.ok(!verdict.allowed || after?.[i]?.allowed));
    }),
    RUNS,
  );
});

test("without rules just that passes which needs none", () => {
  const free = ["exempt", "reply", "related", "no-port-security", "elsewhere"];
  fc.assert(
    fc.property(cases(), ({ cloud, packet }) => {
      const bare = withRules(cloud, () => []);
      const [before, after] = [cloud, bare].map((state) => ends(evaluate(state, packet)));
      after?.forEach((verdict, i) => {
        assert.equal(verdict.allowed, free.includes(verdict.reason));
        const was = before?.[i];
        // What did not pass by a rule is not for rules.
        if (was?.reason === "rule") assert.ok(verdict.reason === "no-rule" || verdict.reason === "revoked");
        else assert.deepEqual(verdict, was);
      });
    }),
    RUNS,
  );
});

test("the rule that counts would do alone; without it, another counts or none allows", () => {
  fc.assert(
    fc.property(cases(), ({ cloud, packet }) => {
      for (const end of ["egress", "ingress"] as const) {
        const verdict = evaluate(cloud, packet)[end];
        if (verdict.reason !== "rule") continue;
        const alone = withRules(cloud, (rules) => rules.filter(({ id }) => id === verdict.rule));
        assert.deepEqual(evaluate(alone, packet)[end], verdict);
        const others = evaluate(
          withRules(cloud, (rules) => rules.filter(({ id }) => id !== verdict.rule)),
          packet,
        )[end];
        assert.ok(others.reason !== "rule" || others.rule !== verdict.rule);
      }
    }),
    RUNS,
  );
});

test("neither the order of rules nor that of groups means anything", () => {
  fc.assert(
    fc.property(cases(), ({ cloud, packet }) => {
      const ports = new Map(
        [...cloud.ports].map(([id, port]) => [id, { ...port, securityGroups: port.securityGroups.toReversed() }]),
      );
      const turned = { ...withRules(cloud, (rules) => rules.toReversed()), ports };
      assert.deepEqual(evaluate(turned, packet), evaluate(cloud, packet));
    }),
    RUNS,
  );
});

test("on which host a port is, and which number its groups have, means nothing", () => {
  fc.assert(
    fc.property(cases(), ({ cloud, packet }) => {
      const ports = new Map(
        [...cloud.ports].map(([id, port]) => [id, { ...port, chassis: "elsewhere", identity: 0, key: 1 }]),
      );
      assert.deepEqual(evaluate({ ...cloud, ports }, packet), evaluate(cloud, packet));
    }),
    RUNS,
  );
});

test("what rules let in is what the same rules, turned round, let out", () => {
  fc.assert(
    fc.property(cases(), ({ cloud, packet }) => {
      // Link-local addresses tell a sender, but no receiver: see the group as remote. What is exempt differs by direction.
      if (packet.type !== "ip" || packet.source.startsWith("fe80") || packet.connection.revokedAt !== undefined) return;
      const before = evaluate(cloud, packet);
      const turned = withRules(cloud, (rules) =>
        rules.map((rule) => ({ ...rule, direction: rule.direction === "egress" ? "ingress" : "egress" })),
      );
      const { from, to, source, destination } = packet;
      const after = evaluate(turned, { ...packet, from: to, to: from, source: destination, destination: source });
      if ([...ends(before), ...ends(after)].some(({ reason }) => reason === "exempt")) return;
      assert.deepEqual(after, { allowed: before.allowed, egress: before.ingress, ingress: before.egress });
    }),
    RUNS,
  );
});

test("a rule for any protocol allows at least what it allows for one; and so for ports and remotes", () => {
  const wider = {
    protocol: { protocol: null, portMin: null, portMax: null },
    ports: { portMin: null, portMax: null },
    remote: { remotePrefix: null, remoteGroupId: null, remoteAddressGroupId: null },
  } as const;
  fc.assert(
    fc.property(cases(), fc.constantFrom(...Object.values(wider)), ({ cloud, packet }, change) => {
      if (!evaluate(cloud, packet).allowed) return;
      const widened = withRules(cloud, (rules) => rules.map((rule) => ({ ...rule, ...change })));
      assert.ok(evaluate(widened, packet).allowed);
    }),
    RUNS,
  );
});

test("a connection that its rules no longer allow is what a new one would not be", () => {
  fc.assert(
    fc.property(cases({ stateless: false }), ({ cloud, packet }) => {
      if (packet.type !== "ip") return;
      const [opened, goesOn] = (["new", "established"] as const).map((state) =>
        evaluate(cloud, { ...packet, connection: { state } }),
      );
      assert.ok(opened !== undefined && goesOn !== undefined);
      assert.equal(goesOn.allowed, opened.allowed);
      const asNew = ends(goesOn).map((verdict) => (verdict.reason === "revoked" ? "no-rule" : verdict.reason));
      assert.deepEqual(
        asNew,
        ends(opened).map(({ reason }) => reason),
      );
    }),
    RUNS,
  );
});

test("a member more changes nothing for others than by rules that name a group of it", () => {
  fc.assert(
    fc.property(cases(), fc.nat(), ({ cloud, packet }, n) => {
      const group = [...cloud.securityGroups.keys()][n % cloud.securityGroups.size];
      const outsider = [...cloud.ports.values()].find(({ id }) =>
        [packet.from, packet.to].every((place) => typeof place === "string" || place.port !== id),
      );
      if (outsider === undefined || group === undefined) return;
      const joined = { ...outsider, securityGroups: [group] };
      const ports = new Map(cloud.ports).set(joined.id, joined);
      assert.deepEqual(evaluate({ ...cloud, ports }, packet), evaluate(cloud, packet));
    }),
    RUNS,
  );
});
