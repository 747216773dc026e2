import assert from "node:assert/strict";
import { test } from "node:test";
import type { SecurityGroupRule } from "../api/resources.ts";
import { ruleText } from "./rule-text.ts";

const names = new Map([
  ["g-1", "web"],
  ["a-1", "offices"],
  ["g-2", "red\x1b[31m"],
]);
const ANY: SecurityGroupRule = {
  id: "r",
  security_group_id: "g",
  direction: "ingress",
  ethertype: "IPv4",
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_ip_prefix: null,
  remote_group_id: null,
  remote_address_group_id: null,
};
const range = (min: number | null, max: number | null) => ({ port_range_min: min, port_range_max: max });

const CASES: readonly (readonly [Partial<SecurityGroupRule>, string])[] = [
  [{}, "ingress IPv4"],
  [{ protocol: "tcp", ...range(22, 22), remote_ip_prefix: "10.0.0.0/8" }, "ingress IPv4 tcp 22 from 10.0.0.0/8"],
  [{ direction: "egress", protocol: "17", ...range(53, 60) }, "egress IPv4 udp 53-60"],
  [{ direction: "egress", ethertype: "IPv6", remote_group_id: "g-1" }, "egress IPv6 to group web"],
  [{ protocol: "sctp", remote_address_group_id: "a-1" }, "ingress IPv4 sctp from address group offices"],
  [{ protocol: "icmp", ...range(0, null) }, "ingress IPv4 icmp type 0"],
  [{ protocol: "icmp", ...range(8, 0) }, "ingress IPv4 icmp type 8 code 0"],
  [{ ethertype: "IPv6", protocol: "ipv6-icmp", ...range(128, null) }, "ingress IPv6 icmpv6 type 128"],
  [{ ethertype: "IPv6", protocol: "58" }, "ingress IPv6 icmpv6"],
  [{ protocol: "ip" }, "ingress IPv4"],
  [{ protocol: "0" }, "ingress IPv4"],
  [{ protocol: "200" }, "ingress IPv4 protocol 200"],
  [{ protocol: "112" }, "ingress IPv4 vrrp"],
  [{ remote_group_id: "g-9" }, "ingress IPv4 from group g-9"],
  [{ remote_group_id: "g-2" }, "ingress IPv4 from group red"],
];

test("a rule reads as people say it", () => {
  for (const [rule, text] of CASES) assert.equal(ruleText({ ...ANY, ...rule }, names), text);
});
