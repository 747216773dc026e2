import type { ExemptionName } from "./exempt.ts";

/** Every reason for which an end lets a packet pass or not, in words. */
export const REASONS = {
  rule: "passes: a rule allows it; of several, the last in the order of rules is named",
  reply: "passes: it answers a connection that was allowed",
  related: "passes: an ICMP error about a connection that was allowed",
  exempt:
    "passes without a rule: ARP, neighbour discovery, or a DHCP request; from Dragonflow itself a router advertisement or a DHCP answer too",
  "no-port-security": "passes: port security is off, and so are security groups",
  elsewhere: "passes: this end is no port of the cloud",
  "no-group": "dropped: the port has port security and no group",
  "no-rule": "dropped: no rule of any group of the port allows it",
  revoked: "dropped: its connection was allowed, and is no longer",
  invalid: "dropped: it can be of no connection",
} as const;

/** Why an end lets a packet pass, or not. Of `rule`: the one that counts, and the group that it is in. */
export type Verdict =
  | { readonly allowed: true; readonly reason: "rule"; readonly rule: string; readonly group: string }
  | { readonly allowed: true; readonly reason: "exempt"; readonly what: ExemptionName }
  | { readonly allowed: true; readonly reason: "reply" | "related" | "no-port-security" | "elsewhere" }
  | { readonly allowed: false; readonly reason: "no-group" | "no-rule" | "revoked" | "invalid" };

/** One line, for people. */
export function describeVerdict(verdict: Verdict): string {
  if (verdict.reason === "rule") return `passes: rule ${verdict.rule} of group ${verdict.group}`;
  if (verdict.reason === "exempt") return `passes without a rule: ${verdict.what}`;
  return REASONS[verdict.reason];
}
