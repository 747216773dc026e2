import { AssertionError } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Flow, type Names, printActions, printFlow } from "@dragonflow/openflow";
import type { Desired } from "../desired.ts";
import { type Bound, ownerText } from "../trace/index.ts";

/** Set to `write`, goldens are written instead of compared: look at the difference before you commit it. */
const MODE = process.env["DRAGONFLOW_GOLDEN"];

/** Compares a text with a golden file. @throws {AssertionError} where they differ. */
export function verifyGolden(file: URL, text: string): void {
  if (MODE === "write") {
    mkdirSync(dirname(file.pathname), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  const golden = readFileSync(file, "utf8");
  if (text === golden) return;
  const message = `${file.pathname} differs; DRAGONFLOW_GOLDEN=write writes it anew:\n${difference(golden, text).join("\n")}`;
  throw new AssertionError({ message, operator: "golden" });
}

/** Lines that went and lines that came. */
function difference(before: string, now: string): readonly string[] {
  const [old, current] = [before, now].map((text) => text.split("\n"));
  if (old === undefined || current === undefined) return [];
  return [
    ...old.filter((line) => !current.includes(line)).map((line) => `- ${line}`),
    ...current.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ];
}

/** All that is desired of one owner: flows and groups as ovs-ofctl prints them, with the names of tables. */
export interface DesiredSection {
  /** As {@link ownerText}; `besides` for what has no owner (meters, tunnels, rows of responders, states of ports). */
  readonly title: string;
  readonly lines: readonly string[];
}

/** In order of the titles. */
export function sectionsOf(bound: Bound, desired: readonly Desired[]): readonly DesiredSection[] {
  const sections = new Map<string, string[]>();
  const add = (title: string, ...lines: readonly string[]): void => {
    const section = sections.get(title);
    if (section === undefined) sections.set(title, [...lines]);
    else section.push(...lines);
  };
  for (const { text, owner } of ownedFlows(bound)) add(owner, text);
  for (const item of desired) {
    if (item.type === "group") add(ownerText(item.owner), ...printGroup(bound, item, bound.names));
    else if (item.type !== "flow") add("besides", printOther(bound, item));
  }
  return [...sections]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([title, lines]) => ({ title, lines: title === "besides" ? lines.sort() : lines }));
}

/** All that is desired, section by section. */
export function printDesired(bound: Bound, desired: readonly Desired[]): string {
  return sectionsOf(bound, desired)
    .map(({ title, lines }) => `# ${title}\n${lines.join("\n")}\n`)
    .join("\n");
}

/** Without their cookies, which say once more whose they are. */
function ownedFlows(bound: Bound): readonly { readonly text: string; readonly flow: Flow; readonly owner: string }[] {
  return bound.flows
    .flatMap((flow) => {
      const owner = bound.ownerOf(flow);
      return owner === undefined ? [] : [{ flow, owner, text: printFlow({ ...flow, cookie: 0n }, bound.names) }];
    })
    .sort((a, b) => a.flow.table - b.flow.table || b.flow.priority - a.flow.priority || (a.text < b.text ? -1 : 1));
}

function printGroup(bound: Bound, group: Extract<Desired, { type: "group" }>, names: Names): readonly string[] {
  const number = bound.groupNumber(group.name);
  const buckets = bound.groups.get(number)?.buckets ?? [];
  return [
    `group_id=${number},type=all  # ${group.name}`,
    ...buckets.map((actions, i) => `  bucket=actions=${printActions(actions, names)}  # ${group.buckets[i]?.id}`),
  ];
}

function printOther(bound: Bound, item: Exclude<Desired, { type: "flow" | "group" }>): string {
  switch (item.type) {
    case "meter":
      return `meter=${bound.meterNumber(item.name)},pktps,burst,band=type=drop,rate=${item.packetsPerSecond},burst_size=${item.burstPackets}  # ${item.name}`;
    case "tunnel":
      return `tunnel ${item.encapsulation} to ${item.chassis}: ${item.localIp} -> ${item.remoteIp}`;
    case "response":
      return `response ${item.responder} ${item.subject} ${JSON.stringify(item.row)}`;
    case "port-status":
      return `port ${item.portId} up=${item.holder !== undefined}`;
  }
}
