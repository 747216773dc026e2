import type { DatabaseSync, StatementSync } from "node:sqlite";
import { parseTopic, type Topic } from "@dragonflow/model";
import { ORIGIN, type Position, position } from "@dragonflow/store";

export interface TopicHead {
  readonly number: number;
  readonly name: Topic;
  /** The sequence of the last commit that touched it; 0: none did. */
  head: number;
}

export const positionOf = (sequence: number): Position => (sequence === 0 ? ORIGIN : position(String(sequence)));
/** The sequence that a position names; undefined for what this driver never gave out. */
export function sequenceOf(text: Position): number | undefined {
  if (text === ORIGIN) return 0;
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined;
}

/** The topics and their heads, in memory as on disk. */
export class TopicHeads {
  readonly #byName = new Map<Topic, TopicHead>();
  readonly #byNumber = new Map<number, TopicHead>();
  readonly #insert: StatementSync;
  readonly #update: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare("INSERT INTO topics (name, head) VALUES (?, 0)");
    this.#update = db.prepare("UPDATE topics SET head = ? WHERE number = ?");
    for (const row of db.prepare("SELECT number, name, head FROM topics").iterate())
      this.#keep({ number: Number(row["number"]), name: parseTopic(String(row["name"])), head: Number(row["head"]) });
  }

  find(name: Topic): TopicHead | undefined {
    return this.#byName.get(name);
  }
  nameOf(number: number): Topic | undefined {
    return this.#byNumber.get(number)?.name;
  }

  /** Within a transaction; `undo` gets what to do should it fail. */
  findOrAdd(name: Topic, undo: (() => void)[]): TopicHead {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const { lastInsertRowid } = this.#insert.run(name);
    const added: TopicHead = { number: Number(lastInsertRowid), name, head: 0 };
    this.#keep(added);
    undo.push(() => {
      this.#byName.delete(name);
      this.#byNumber.delete(added.number);
    });
    return added;
  }

  /** Within a transaction. */
  advance(topic: TopicHead, sequence: number, undo: (() => void)[]): void {
    const before = topic.head;
    this.#update.run(sequence, topic.number);
    topic.head = sequence;
    undo.push(() => {
      topic.head = before;
    });
  }

  #keep(topic: TopicHead): void {
    this.#byName.set(topic.name, topic);
    this.#byNumber.set(topic.number, topic);
  }
}
