import { compareRules, type LocalPortRecord, type SecurityRule } from "@dragonflow/model";
import type { Cloud } from "./cloud.ts";
import { exemptionOf } from "./exempt.ts";
import type { End, IpPacket, Packet } from "./packet.ts";
import { groupsOf, portAt, ruleAllows } from "./rules.ts";
import type { Verdict } from "./verdict.ts";

export interface Evaluation {
  /** May it pass both? */
  readonly allowed: boolean;
  /** Of the port that sends it. */
  readonly egress: Verdict;
  /** Of the port that it is for, if it gets there. */
  readonly ingress: Verdict;
}

/**
 * May the packet pass the security groups of the port that sends it, and of the port that it is for? Nothing else is decided: that the two can reach
 * each other, and that the sender's addresses are its own, is taken for granted.
 * @throws {RangeError} when the packet names a port that the cloud does not have, or an address that is none.  Pure.
 */
export function evaluate(cloud: Cloud, packet: Packet): Evaluation {
  const egress = verdictAt(cloud, packet, "source");
  const ingress = verdictAt(cloud, packet, "destination");
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

/** What one end says of it. */
export function verdictAt(cloud: Cloud, packet: Packet, end: End): Verdict {
  const port = portAt(cloud, end === "source" ? packet.from : packet.to);
  const direction = end === "source" ? "egress" : "ingress";
  if (port === undefined) return pass("elsewhere");
  if (!port.portSecurity) return pass("no-port-security");
  const what = exemptionOf(packet, direction);
  if (what !== undefined) return { allowed: true, reason: "exempt", what };
  if (port.securityGroups.length === 0) return drop("no-group");
  if (packet.type !== "ip") return drop("no-rule");
  return isStateless(cloud, port)
    ? byRules(cloud, port, packet, direction, packet.fragment === "none", "no-rule")
    : byConnection(cloud, port, packet, end, direction);
}

/** A port has either only stateless groups, or none that is. */
function isStateless(cloud: Cloud, port: LocalPortRecord): boolean {
  return port.securityGroups.every((id) => cloud.securityGroups.get(id)?.stateful === false);
}

/** The first packets of a connection are for the rules, and so are all others in their direction; what comes back, and errors, follow from that. */
function byConnection(
  cloud: Cloud,
  port: LocalPortRecord,
  packet: IpPacket,
  end: End,
  direction: SecurityRule["direction"],
): Verdict {
  const { state, revokedAt = [] } = packet.connection;
  switch (state) {
    case "invalid":
      return drop("invalid");
    case "reply":
    case "related":
      return revokedAt.includes(end) ? drop("revoked") : pass(state);
    // Whoever follows connections puts fragments together first.
    case "new":
      return byRules(cloud, port, packet, direction, true, "no-rule");
    // One that was revoked goes on with the first that a rule allows again.
    case "established":
      return byRules(cloud, port, packet, direction, true, "revoked");
  }
}

/** Any rule of any group of the port will do. The one that counts is the last in the order of rules. */
function byRules(
  cloud: Cloud,
  port: LocalPortRecord,
  packet: IpPacket,
  direction: SecurityRule["direction"],
  headerVisible: boolean,
  otherwise: "no-rule" | "revoked",
): Verdict {
  const [counts] = groupsOf(port)
    .flatMap((group) => (cloud.securityGroups.get(group)?.rules ?? []).map((rule) => ({ rule, group })))
    .filter(({ rule }) => rule.direction === direction && ruleAllows(cloud, rule, packet, headerVisible))
    .sort((a, b) => compareRules(b.rule, a.rule));
  return counts === undefined
    ? drop(otherwise)
    : { allowed: true, reason: "rule", rule: counts.rule.id, group: counts.group };
}

function pass(reason: "reply" | "related" | "no-port-security" | "elsewhere"): Verdict {
  return { allowed: true, reason };
}
function drop(reason: "no-group" | "no-rule" | "revoked" | "invalid"): Verdict {
  return { allowed: false, reason };
}
