import {
  type AnswerRecord,
  answerKind,
  type QuestionRecord,
  questionKind,
  record,
  ShapeError,
  type Topic,
} from "@dragonflow/model";
import { type Clock, type Replica, type StoreDriver, systemClock } from "@dragonflow/store";
import { StatusWriter } from "../status/status-writer.ts";
import { type Answer, answerTo, type ControllerView, isQuestion, QUESTIONS, refusal } from "./questions.ts";

/** What a question may take of this host; what is beyond is refused, by an answer that says so. */
export const ANSWER_LIMITS = {
  /** Questions that stand at a time. */
  questions: 64,
  /** Characters of a path: a packet of 9,216 bytes, and what else there is to say. */
  path: 24_000,
  /** Characters of an answer. */
  answer: 4 * 1024 * 1024,
  /** Characters of all answers that stand. */
  held: 16 * 1024 * 1024,
  /** Characters of a record of it, in the store some more bytes. */
  part: 128 * 1024,
} as const;
/** Between two answers it does its work: for as long as the last one took, and no more than fifty in a second are given. */
const LEAST_REST_MS = 20;

/** Where questions come from and answers go to. */
export interface AnswerPlaces {
  readonly chassis: string;
  readonly questions: Topic;
  readonly answers: Topic;
}

/**
 * Answers what operators ask this host through the store. What stands in the topic of answers is a function of what stands in that of questions: to
 * each question its answer, as long as the question is there. One is answered after the other, once.
 */
export class Answers {
  readonly #view: ControllerView;
  readonly #places: AnswerPlaces;
  readonly #replica: Pick<Replica, "head" | "rows" | "state">;
  readonly #clock: Clock;
  readonly #writer: StatusWriter;
  /** Of the questions that stand, by id. */
  readonly #answered = new Map<string, readonly AnswerRecord[]>();
  #questions: ReadonlyMap<string, QuestionRecord> = new Map();
  #isKnown = false;
  #isBusy = false;
  #isClosed = false;
  #cancelRest: (() => void) | undefined;

  constructor(
    view: ControllerView,
    places: AnswerPlaces,
    store: Pick<StoreDriver, "commit">,
    replica: Pick<Replica, "head" | "rows" | "state">,
    onFailure: (error: Error) => void,
    clock: Clock = systemClock,
  ) {
    this.#view = view;
    this.#places = places;
    this.#replica = replica;
    this.#clock = clock;
    const listener = { onUp: () => undefined, onFailure };
    this.#writer = new StatusWriter(store, places.answers, replica, listener, {
      clock,
      kinds: new Set([answerKind.kind]),
    });
  }

  /** What the replica shows of the two topics has changed. */
  seen(): void {
    const { questions, answers } = this.#places;
    // What was asked stands until somebody says otherwise.
    if (this.#replica.state(questions) !== "current" || this.#replica.state(answers) !== "current") return;
    this.#questions = new Map(this.#read(questions, questionKind).map((one) => [one.id, one]));
    if (!this.#isKnown) this.#adopt();
    this.#isKnown = true;
    for (const id of this.#answered.keys()) if (!this.#questions.has(id)) this.#answered.delete(id);
    this.#say();
    this.#writer.seen();
    this.#work();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRest?.();
    this.#writer.close();
  }

  /** What the controller before this one has answered, is answered. */
  #adopt(): void {
    const given = Map.groupBy(this.#read(this.#places.answers, answerKind), ({ question }) => question);
    for (const [question, records] of given)
      if (records.length === records[0]?.parts) this.#answered.set(question, records);
  }

  #read<T extends { readonly id: string }>(
    topic: Topic,
    { kind, parse }: { readonly kind: string; readonly parse: (value: unknown) => T },
  ): readonly T[] {
    return Array.from(this.#replica.rows(topic)).flatMap((change) => {
      if (change.kind !== kind) return [];
      try {
        return [parse({ ...change.row, id: change.id })];
      } catch (error) {
        // Counts as absent: nobody can be answered.
        if (error instanceof ShapeError) return [];
        throw error;
      }
    });
  }

  #say(): void {
    const records = [...this.#answered.values()].flat().map((one) => record(answerKind, one));
    this.#writer.say({ records, isComplete: true });
  }

  #work(): void {
    if (this.#isBusy || this.#isClosed) return;
    const next = this.#questions.values().find(({ id }) => !this.#answered.has(id));
    if (next === undefined) return;
    this.#isBusy = true;
    const startedAt = this.#clock.now();
    void this.#recordsFor(next).then((records) => {
      // Meanwhile nobody may want it any more.
      if (this.#questions.has(next.id)) this.#answered.set(next.id, records);
      if (this.#isClosed) return;
      this.#say();
      const rest = Math.max(LEAST_REST_MS, this.#clock.now() - startedAt);
      this.#cancelRest = this.#clock.after(rest, () => {
        this.#isBusy = false;
        this.#work();
      });
    });
  }

  /** Never rejects: an answer that has no JSON is told as what went wrong, as at the socket. */
  async #recordsFor(question: QuestionRecord): Promise<readonly AnswerRecord[]> {
    try {
      return this.#recordsOf(question.id, await this.#answer(question));
    } catch (error) {
      return this.#recordsOf(question.id, refusal(error));
    }
  }

  async #answer({ path }: QuestionRecord): Promise<Answer> {
    const refused = (status: number, error: string): Answer => ({ status, body: { error } });
    const { questions, path: longest } = ANSWER_LIMITS;
    if (this.#questions.size > questions) return refused(429, `more than ${questions} questions stand here`);
    if (path.length > longest) return refused(414, `a question of more than ${longest} characters`);
    if (!URL.canParse(path, "http://controller")) return refused(400, "a question is a path");
    const { pathname, searchParams } = new URL(path, "http://controller");
    if (!isQuestion(pathname)) return refused(404, `by the store it is asked ${QUESTIONS.join(", ")}`);
    return answerTo(this.#view, pathname, searchParams);
  }

  #recordsOf(question: string, answer: Answer): readonly AnswerRecord[] {
    const { chassis } = this.#places;
    const { answer: longest, held, part: size } = ANSWER_LIMITS;
    const whole = JSON.stringify(answer.body);
    const error = `an answer of ${whole.length} characters, and by the store no more than ${longest}, and ${held} with those that stand: ask at the controller's socket`;
    const isFit = whole.length <= longest && this.#held() + whole.length <= held;
    const body = isFit ? whole : JSON.stringify({ error });
    const status = isFit ? answer.status : 413;
    const parts = Math.max(1, Math.ceil(body.length / size));
    return Array.from({ length: parts }, (_, part) => {
      const text = body.slice(part * size, (part + 1) * size);
      return { id: `${question}.${part}`, chassis, question, part, parts, status, body: text };
    });
  }

  /** Characters of the answers that stand. */
  #held(): number {
    let held = 0;
    for (const records of this.#answered.values()) for (const { body } of records) held += body.length;
    return held;
  }
}
