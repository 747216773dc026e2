import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { answersTopic, encodeFields, questionKind, questionsTopic, record, recordId } from "@dragonflow/model";
import { Replica, type StoreDriver } from "@dragonflow/store";
import { TestNb } from "../testing/nb.ts";
import { until } from "../testing/until.ts";
import { ANSWER_LIMITS, Answers } from "./answers.ts";
import { BadQuestion } from "./asked.ts";
import type { ControllerView } from "./questions.ts";

const CHASSIS = "host1";
const [QUESTIONS, ANSWERS] = [questionsTopic(CHASSIS), answersTopic(CHASSIS)];

let nb: TestNb;
let store: StoreDriver;
let replica: Replica;
let answers: Answers;
/** What was looked at, in order. */
let looks: string[];
let drift: () => Promise<object>;
beforeEach(async () => {
  nb = await TestNb.open(CHASSIS);
  store = await nb.connect();
  drift = async () => ({ differences: [] });
  start();
});
afterEach(async () => {
  answers.close();
  await replica.close();
  await nb[Symbol.asyncDispose]();
});

function start(): void {
  looks = [];
  const seen = (path: string, body: object = {}): object => {
    looks.push(path);
    return body;
  };
  const view: ControllerView = {
    flows: assert.fail,
    status: () => seen("status", { inSync: true }),
    statistics: async () => seen("statistics"),
    drift: async () => seen("drift", await drift()),
    facts: () => seen("facts", { chassis: CHASSIS }),
    connections: async (query) => seen("connections", { of: query.get("port") }),
    counts: async () => seen("counts"),
    inject: async () => seen("inject"),
    trace: async () => {
      throw new BadQuestion("frame=HEX");
    },
  };
  const places = { chassis: CHASSIS, questions: QUESTIONS, answers: ANSWERS };
  replica = new Replica({ watch: store.watch(), onBatch: () => answers.seen(), mayShrink: () => true });
  answers = new Answers(view, places, store, replica, assert.fail);
  replica.add([QUESTIONS, ANSWERS]);
}
async function put(...questions: readonly (readonly [string, string])[]): Promise<void> {
  await nb.commit(
    questions.map(([id, path]) => {
      const { topic, id: key, fields } = record(questionKind, { id, chassis: CHASSIS, path });
      return { op: "put", topic, id: key, value: encodeFields(fields) };
    }),
  );
}
const take = async (...ids: readonly string[]): Promise<void> =>
  nb.commit(ids.map((id) => ({ op: "delete", topic: QUESTIONS, id: recordId(questionKind.kind, id) })));
/** What stands in the topic, by question; undefined where parts are missing. */
async function given(): Promise<Readonly<Record<string, unknown>>> {
  const parts = Object.values(Object.fromEntries(await nb.records(ANSWERS)));
  const whole = Map.groupBy(parts, ({ question }) => String(question));
  return Object.fromEntries(
    Array.from(whole, ([question, all]) => {
      const [first] = all;
      const ordered = all.toSorted((a, b) => Number(a["part"]) - Number(b["part"]));
      const text = ordered.map(({ body }) => String(body)).join("");
      return [question, first?.["parts"] === all.length ? [first["status"], JSON.parse(text)] : undefined];
    }),
  );
}
async function answered(id: string): Promise<unknown> {
  await until(`${id} is answered`, async () => (await given())[id] !== undefined);
  return (await given())[id];
}

test("to each question its answer, once, and as long as the question stands", async () => {
  await put(["a.1", "/connections?port=p1"], ["a.2", "/trace?in_port=1"], ["a.3", "/flows"], ["b.1", "/status"]);
  assert.deepEqual(await answered("a.1"), [200, { of: "p1" }]);
  assert.deepEqual(await answered("a.2"), [400, { error: "frame=HEX" }]);
  assert.match(JSON.stringify(await answered("a.3")), /^\[404,.*by the store it is asked \/status/);
  assert.deepEqual(await answered("b.1"), [200, { inSync: true }]);
  await take("a.1", "a.3", "b.1");
  await until("only one is left", async () => Object.keys(await given()).join() === "a.2");
  await put(["a.4", "/facts"]);
  await answered("a.4");
  assert.deepEqual(looks, ["connections", "status", "facts"]);
  await take("a.2", "a.4");
  await until("none is left", async () => Object.keys(await given()).length === 0);
});

test("a long answer comes in parts, and one that is too long is refused by its length", async () => {
  const long = { text: 'é"\u0001'.repeat(ANSWER_LIMITS.part) };
  drift = async () => long;
  await put(["a.1", "/drift"]);
  assert.deepEqual(await answered("a.1"), [200, long]);
  drift = async () => ({ text: "x".repeat(ANSWER_LIMITS.answer) });
  await put(["a.2", "/drift"], ["a.3", `/trace?frame=${"0".repeat(ANSWER_LIMITS.path)}`]);
  assert.match(JSON.stringify(await answered("a.2")), /^\[413,.*ask at the controller's socket/);
  assert.match(JSON.stringify(await answered("a.3")), /^\[414,/);
});

test("answers that stand take no more than their share of this host, and room again when they go", async () => {
  const { answer, held } = ANSWER_LIMITS;
  const text = "x".repeat(answer - '{"text":""}'.length);
  drift = async () => ({ text });
  const ids = Array.from({ length: held / answer }, (_, i) => `a.${i}`);
  for (const id of ids) {
    await put([id, "/drift"]);
    assert.deepEqual(await answered(id), [200, { text }]);
  }
  await put(["b.1", "/status"]);
  assert.match(JSON.stringify(await answered("b.1")), /^\[413,/);
  await take("a.0");
  await put(["b.2", "/status"]);
  assert.deepEqual(await answered("b.2"), [200, { inSync: true }]);
});

test("an answer that has no JSON is told as a failure, and the next question is answered", async () => {
  drift = async () => ({ packets: 1n });
  await put(["a.1", "/drift"], ["a.2", "/status"]);
  assert.match(JSON.stringify(await answered("a.1")), /^\[500,.*BigInt/);
  assert.deepEqual(await answered("a.2"), [200, { inSync: true }]);
});

test("of too many questions those that are too many are refused", async () => {
  const many = Array.from({ length: ANSWER_LIMITS.questions + 1 }, (_, i) => [`a.${i}`, "/status"] as const);
  await put(...many);
  assert.match(JSON.stringify(await answered("a.0")), /^\[429,/);
  await take("a.0");
  assert.deepEqual(await answered("a.64"), [200, { inSync: true }]);
});

test("a controller that is started again repeats no answer, and takes away what nobody asks any more", async () => {
  await put(["a.1", "/status"], ["a.2", "/facts"]);
  await answered("a.2");
  answers.close();
  await replica.close();
  await take("a.2");
  start();
  await put(["a.3", "/facts"]);
  await answered("a.3");
  assert.deepEqual(looks, ["facts"]);
  await until(
    "what nobody asks is gone",
    async () =>
      Object.keys(await given())
        .sort()
        .join() === "a.1,a.3",
  );
});
