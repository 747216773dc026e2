import { defineKind, type RecordOf } from "../kind.ts";
import { integer, list, text } from "../schema.ts";
import { answersTopic, ASKERS_TOPIC, questionsTopic } from "../topics.ts";

/**
 * What an operator wants to know of a chassis, for as long as the operator asks. `id`: `<asker>.<number>`; `path`: what its controller is asked, as on
 * its own socket: `/connections?port=ID`.
 */
export const questionKind = defineKind({
  kind: "question",
  topic: (q) => questionsTopic(q.chassis),
  fields: { chassis: text, path: text },
});
export type QuestionRecord = RecordOf<typeof questionKind>;

/**
 * A part of what the controller answers: there as long as its question is. `id`: `<question>.<part>`, parts from 0; `status` as of HTTP; the `body` of
 * all parts together is JSON.
 */
export const answerKind = defineKind({
  kind: "answer",
  topic: (a) => answersTopic(a.chassis),
  fields: { chassis: text, question: text, part: integer(), parts: integer(1), status: integer(), body: text },
});
export type AnswerRecord = RecordOf<typeof answerKind>;

/** Who asks: `id` names the lease `asker/<id>`, with which its questions go. `chassis`: all that were asked anything. */
export const askerKind = defineKind({ kind: "asker", topic: () => ASKERS_TOPIC, fields: { chassis: list(text) } });
export type AskerRecord = RecordOf<typeof askerKind>;
export const ASKER_LEASES = "asker/";
