import { type AnyRecord, cloudOf, describeVerdict, evaluate, type IpPacket, type Verdict } from "@dragonflow/evaluator";
import { addressGroupTopic, chassisTopic, securityGroupTopic } from "@dragonflow/model";
import {
  addressGroups,
  type Connection,
  localPorts,
  type Pipeline,
  securityGroups,
  stages,
  type Table,
} from "@dragonflow/pipeline";
import type { Leg } from "./follow.ts";
import type { Headers } from "./frame.ts";
import { ownerAt } from "./owners.ts";
import type { World } from "./world.ts";

/** What the rules of one end say: by the model alone, and by the flows. */
export interface RuleCheck {
  readonly end: "egress" | "ingress";
  readonly portId: string;
  /** In words, and whether it passes: the evaluator, which knows no flow. */
  readonly model: { readonly allowed: boolean; readonly reason: string; readonly rule: string | null };
  /** Null: the packet ends before it comes to this end's rules. */
  readonly flows: { readonly allowed: boolean; readonly rule: string | null } | null;
  readonly agrees: boolean;
}

export interface RuleQuestion {
  readonly headers: Headers;
  readonly source: { readonly id: string; readonly chassis: string };
  readonly destination: { readonly id: string; readonly chassis: string } | undefined;
  /** What the zone of a port takes the packet for. */
  readonly connection: (portId: string) => Connection;
}

/** Compares who may talk to whom, from the model alone, with what the flows do, at both ends. */
export async function checkRules(
  world: World,
  pipeline: Pipeline,
  question: RuleQuestion,
  legs: readonly Leg[],
): Promise<readonly RuleCheck[]> {
  const cloud = cloudOf(await recordsOf(world, question));
  const { source, destination, headers } = question;
  const packet = (end: "source" | "destination", portId: string): IpPacket => {
    const { state, mark = 0 } = question.connection(portId);
    const known = state === "related-reply" ? "related" : state;
    return {
      ...headers,
      type: "ip",
      from: { port: source.id },
      to: destination === undefined ? "outside" : { port: destination.id },
      fragment: "none",
      connection: { state: known, ...(mark === 0 ? {} : { revokedAt: [end] }) },
    };
  };
  const checks: RuleCheck[] = [];
  if (cloud.ports.has(source.id) && (destination === undefined || cloud.ports.has(destination.id))) {
    const egress = evaluate(cloud, packet("source", source.id)).egress;
    checks.push(compared("egress", source.id, egress, egressOf(legs, pipeline)));
    if (destination !== undefined) {
      const { ingress } = evaluate(cloud, packet("destination", destination.id));
      checks.push(compared("ingress", destination.id, ingress, ingressOf(legs, pipeline, destination.id)));
    }
  }
  return checks;
}

function compared(end: RuleCheck["end"], portId: string, verdict: Verdict, flows: RuleCheck["flows"]): RuleCheck {
  const rule = verdict.reason === "rule" ? verdict.rule : null;
  const model = { allowed: verdict.allowed, reason: describeVerdict(verdict), rule };
  const sameRule = rule === null || flows?.rule === null || flows?.rule === rule;
  return { end, portId, model, flows, agrees: flows === null || (flows.allowed === model.allowed && sameRule) };
}

/** All that the evaluator looks at: both ports, their groups, and the address groups of their rules. */
async function recordsOf(world: World, { source, destination }: RuleQuestion): Promise<readonly AnyRecord[]> {
  const ends = [source, ...(destination === undefined ? [] : [destination])].filter(({ chassis }) => chassis !== "");
  await world.load(ends.map(({ chassis }) => chassisTopic(chassis)));
  const found = ends.flatMap(({ id, chassis }) => world.row(localPorts, chassisTopic(chassis), id) ?? []);
  const groupIds = [...new Set(found.flatMap((port) => port.securityGroups))];
  await world.load(groupIds.map(securityGroupTopic));
  const groups = groupIds.flatMap((id) => world.row(securityGroups, securityGroupTopic(id), id) ?? []);
  const addressIds = [
    ...new Set(groups.flatMap(({ rules }) => rules.flatMap((rule) => rule.remoteAddressGroupId ?? []))),
  ];
  await world.load(addressIds.map(addressGroupTopic));
  const addresses = addressIds.flatMap((id) => world.row(addressGroups, addressGroupTopic(id), id) ?? []);
  return [
    ...found.map((fields) => ({ kind: localPorts.name, fields })),
    ...groups.map((fields) => ({ kind: securityGroups.name, fields })),
    ...addresses.map((fields) => ({ kind: addressGroups.name, fields })),
  ];
}

/** Did it leave the rules of its sender? Null: it did not come so far. */
function egressOf(legs: readonly Leg[], pipeline: Pipeline): RuleCheck["flows"] {
  const leg = legs.find(({ entry }) => entry.type === "port");
  if (leg === undefined) return null;
  const tables = leg.trace.steps.flatMap((step) => (step.type === "lookup" ? [step.table] : []));
  const first = pipeline.numberOf(stages.egressConntrack);
  if (!tables.some((table) => table >= first)) return null;
  return {
    allowed: tables.some((table) => table >= pipeline.numberOf(stages.services)),
    rule: ruleAt(leg, "egress_rules"),
  };
}

/** Did it get past the rules of its receiver? Of a flood, whose copies are for several: did it come out there? Null: it did not come so far. */
function ingressOf(legs: readonly Leg[], pipeline: Pipeline, portId: string): RuleCheck["flows"] {
  for (const leg of legs) {
    const lookups = leg.trace.steps.filter((step) => step.type === "lookup");
    if (!lookups.some((step) => step.tableName === "ingress_port" && ownerAt(leg.host, step)?.id === portId)) continue;
    const isDelivered = leg.endings.some((ending) => ending.type === "delivered" && ending.portId === portId);
    const isFlood = leg.trace.steps.some(({ type }) => type === "bucket");
    const isPast = !isFlood && lookups.some(({ table }) => table >= pipeline.numberOf(stages.delivery));
    return { allowed: isDelivered || isPast, rule: ruleAt(leg, "ingress_rules") };
  }
  return null;
}

/** The rule that allowed it; null: none, or several that share their flows. */
function ruleAt(leg: Leg, table: Table["name"]): string | null {
  const met = leg.trace.steps.flatMap((step) => {
    const owner = step.type === "lookup" && step.tableName === table ? ownerAt(leg.host, step) : undefined;
    return owner?.kind === "security-group-rule" ? [owner.id] : [];
  });
  const [only, ...others] = met;
  return only !== undefined && others.length === 0 ? only : null;
}
