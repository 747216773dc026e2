import { endOwner, type Explanation } from "./explain.ts";
import type { SwitchCheck } from "./switch.ts";
import { conclusionText } from "./text.ts";
import { describeStep, endingText, type Vocabulary } from "./words.ts";

/** An explanation for programs: nothing in it but text, numbers, lists and objects. */
export function explanationJson(words: Vocabulary, explanation: Explanation, switches: readonly SwitchCheck[]): object {
  const { question, headers, frame, blocked, legs, passes, rules, end, connections } = explanation;
  return {
    passes,
    ending: conclusionText(words, explanation),
    blocked: blocked ?? null,
    host: end?.leg.host.chassis ?? null,
    owner: end?.owner ?? null,
    ownerText: endOwner(explanation),
    source: question.source.id,
    destination: question.destination.place?.id ?? question.destination.ip ?? null,
    packet: headers ?? null,
    frame: frame === undefined ? null : Buffer.from(frame).toString("hex"),
    connections: Object.fromEntries(connections),
    hosts: legs.map((leg) => ({
      host: leg.host.chassis,
      assumed: !leg.host.isKnown,
      entry: leg.entry,
      steps: leg.trace.steps.map((step) => {
        const { table, text } = describeStep(words, leg.host, step);
        if (step.type !== "lookup") return { table: null, text };
        const owner = step.flow === undefined ? undefined : leg.host.bound.desiredOf(step.flow)?.owner;
        return { table, text, priority: step.flow?.priority ?? null, owner: owner ?? null };
      }),
      endings: leg.endings.map((ending) => ({ type: ending.type, text: endingText(words, leg, ending) })),
    })),
    rules,
    switches,
    agrees: rules.every((check) => check.agrees) && switches.every((check) => check.agrees),
  };
}
