/** What projects have only so many of, by the names that their limits have. */
export const LIMITED = ["network", "subnet", "port", "router", "security_group", "security_group_rule"] as const;
export type Limited = (typeof LIMITED)[number];
