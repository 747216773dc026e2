import { DIFFERENCES, UNKNOWN_KEYS } from "./comparison/differences.ts";
import type { Attributes } from "./core/attribute.ts";
import { agents } from "./resources/agents.ts";
import { EXTENSIONS } from "./resources/extensions.ts";
import { addressGroups } from "./resources/address-groups.ts";
import { networkIpAvailability } from "./resources/network-ip-availability.ts";
import { networks } from "./resources/networks.ts";
import { ports } from "./resources/ports.ts";
import { routers } from "./resources/routers.ts";
import { securityGroupRules } from "./resources/security-group-rules.ts";
import { securityGroups } from "./resources/security-groups.ts";
import { subnets } from "./resources/subnets.ts";

interface Described {
  readonly collection: string;
  readonly attributes: Attributes<never>;
  readonly filters?: Readonly<Record<string, unknown>>;
}
const DESCRIBED: readonly Described[] = [
  networks,
  subnets,
  ports,
  routers,
  securityGroups,
  securityGroupRules,
  addressGroups,
  agents,
  networkIpAvailability(undefined),
];

function attributeRow(name: string, attribute: Attributes<never>[string]): string {
  // The project comes with the caller where the request does not name one.
  const isProject = name === "project_id" || name === "tenant_id";
  const isRequired = attribute.post === true && !Object.hasOwn(attribute, "default") && !isProject;
  const post = attribute.post === true ? (isRequired ? "required" : "yes") : "";
  const marks = [post, attribute.put, attribute.hidden === true ? undefined : true, attribute.filter, attribute.sort];
  return `| \`${name}\` | ${marks.map((mark) => (mark === true ? "yes" : (mark ?? ""))).join(" | ")} |`;
}

function resourceSection({ collection, attributes, filters }: Described): readonly string[] {
  const special = Object.keys(filters ?? {}).filter((name) => attributes[name]?.filter !== true);
  return [
    `## ${collection}`,
    "",
    "| attribute | POST | PUT | shown | filter | sort |",
    "| --- | --- | --- | --- | --- | --- |",
    ...Object.entries(attributes).map(([name, attribute]) => attributeRow(name, attribute)),
    "",
    ...(special.length === 0 ? [] : [`Further filters: ${special.map((name) => `\`${name}\``).join(", ")}.`, ""]),
  ];
}

/** What the API takes and shows, as Markdown. Made from the same rows that the server works by. */
export function apiReference(): string {
  const keys = Object.entries(UNKNOWN_KEYS).map(([key, extension]) => `- \`${key}\`: ${extension}`);
  const lines = [
    "# Neutron API reference",
    "",
    "Extensions: " + EXTENSIONS.map(({ alias }) => `\`${alias}\``).join(", ") + ".",
    "",
    ...DESCRIBED.flatMap(resourceSection),
    "## Differences from Neutron",
    "",
    "Every call of the recorded comparison is answered as Neutron answers it, but for these:",
    "",
    ...DIFFERENCES.map(({ calls, reason }) => `- ${reason} (${calls.join("; ")})`),
    "",
    "Keys that Neutron shows and this server does not have:",
    "",
    ...keys,
  ];
  return `${lines.join("\n")}\n`;
}
