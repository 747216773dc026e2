import { printInstructions, printMatch } from "@dragonflow/openflow";
import type { Blocked, Explanation } from "./explain.ts";
import type { Leg } from "./follow.ts";
import { headersText } from "./frame.ts";
import type { RuleCheck } from "./rules.ts";
import type { WhyNot } from "./why-not.ts";
import { describeStep, endingText, entryText, nameOf, portText, type Vocabulary } from "./words.ts";

export interface TextOptions {
  /** Every table, and the flows themselves. */
  readonly flows: boolean;
}

const MARGIN = "  ";

/** An explanation for people, line by line: the packet, its way through each host table by table, and where it ends. */
export function explanationLines(words: Vocabulary, explanation: Explanation, options: TextOptions): readonly string[] {
  const { legs } = explanation;
  return [
    titleOf(words, explanation),
    ...legs.flatMap((leg) => ["", ...legLines(words, leg, options)]),
    "",
    `${explanation.passes ? "passes" : "does not pass"}: ${conclusionText(words, explanation)}`,
  ];
}

function titleOf(words: Vocabulary, { question, headers, frame }: Explanation): string {
  const { source, destination } = question;
  const to = destination.place === undefined ? (destination.ip ?? "") : portText(words, destination.place.id);
  const what =
    headers !== undefined
      ? headersText(headers)
      : frame === undefined
        ? "a packet"
        : `a frame of ${frame.length} bytes`;
  return `${portText(words, source.id)} -> ${to}: ${what}`;
}

function legLines(words: Vocabulary, leg: Leg, { flows }: TextOptions): readonly string[] {
  const { host, trace } = leg;
  const steps = trace.steps.map((step) => ({ step, ...describeStep(words, host, step) }));
  const shown = steps.filter(({ isQuiet }) => flows || !isQuiet);
  const width = Math.max(0, ...shown.map(({ table }) => table.length));
  return [
    `${host.chassis}: ${entryText(words, leg.entry)}${host.isKnown ? "" : " (interfaces and tunnels assumed)"}`,
    ...shown.flatMap(({ step, table, text }) => [
      `${MARGIN}${table.padEnd(width)}  ${text}`,
      ...(flows && step.type === "lookup" && step.flow !== undefined
        ? [`${MARGIN}${" ".repeat(width)}    ${flowText(step.flow, host.bound.names)}`]
        : []),
    ]),
    ...leg.endings.map((ending) => `${MARGIN}=> ${endingText(words, leg, ending)}`),
  ];
}

function flowText(
  { priority, match, instructions }: { readonly priority: number } & Parameters<typeof summary>[0],
  names: Parameters<typeof printInstructions>[1],
): string {
  return `priority=${priority} ${summary({ match, instructions }, names)}`;
}
function summary(
  {
    match,
    instructions,
  }: {
    readonly match: Parameters<typeof printMatch>[0];
    readonly instructions: Parameters<typeof printInstructions>[0];
  },
  names: Parameters<typeof printInstructions>[1],
): string {
  const matched = printMatch(match, names);
  return `${matched === "" ? "*" : matched} ${printInstructions(instructions, names)}`;
}

/** Where it ends, and why: one line. */
export function conclusionText(words: Vocabulary, { blocked, end }: Explanation): string {
  if (blocked !== undefined) return blockedText(words, blocked);
  return end === undefined ? "nothing becomes of it" : endingText(words, end.leg, end.ending);
}

function blockedText(words: Vocabulary, blocked: Blocked): string {
  switch (blocked.type) {
    case "no-address":
      return `the source has no address of IPv${blocked.family}`;
    case "no-neighbour":
      return `nobody in network ${nameOf(words, blocked.networkId)} answers for ${blocked.ip}`;
    case "no-gateway":
      return `the source's subnet ${nameOf(words, blocked.subnetId)} has no gateway`;
    case "no-router":
      return `the source's gateway ${blocked.ip} is no router's: subnet ${nameOf(words, blocked.subnetId)} is connected to none`;
    case "unbound":
      return "the source is bound to no host: nothing of it is plugged in anywhere";
    case "unplugged":
      return `nothing on host ${blocked.chassis} is plugged in as the source`;
  }
}

/** What the rules say by the model alone, against the flows; nothing where the packet came to no rules. */
export function rulesLines(words: Vocabulary, { rules }: Explanation): readonly string[] {
  return rules.map((check) => {
    const whose = `${check.end} of ${portText(words, check.portId)}`;
    const model = `by the model alone ${reasonText(words, check)}`;
    if (check.flows === null) return `${whose}: ${model}; the flows were not asked`;
    return `${whose}: ${model}; ${check.agrees ? "the flows agree" : `THE FLOWS DIFFER: ${check.flows.allowed ? "it passes" : "it is dropped"}${check.flows.rule === null ? "" : ` by rule ${check.flows.rule}`}`}`;
  });
}

/** Ids in the evaluator's words become names. */
function reasonText(words: Vocabulary, { model }: RuleCheck): string {
  return model.rule === null ? model.reason : `passes: ${words.names.get(model.rule) ?? `rule ${model.rule}`}`;
}

/** Ids in a sentence become names; in a command they stay, because names may be several objects'. */
export function whyNotLines({ names }: Pick<Vocabulary, "names">, { changes, isVerified }: WhyNot): readonly string[] {
  if (changes.length === 0) return ["nothing is known here that would let it pass"];
  const named = (what: string): string => what.replaceAll(UUID, (id) => nameOf({ names }, id));
  return [
    isVerified
      ? "it would pass with this (tried on the model):"
      : "this would have to change first (the rest is not known):",
    ...changes.flatMap(({ what, commands }) => [
      `${MARGIN}${named(what)}`,
      ...commands.map((command) => `${MARGIN}${MARGIN}${command}`),
    ]),
  ];
}
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
