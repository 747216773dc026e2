import type { Topic } from "@dragonflow/model";
import type { Event, Row, TopicCommit } from "@dragonflow/store";
import { listenForEnding } from "../ending.ts";
import { print } from "../output.ts";
import { printable } from "../screen/palette.ts";
import { openChosen, topicOf } from "./opening.ts";
import type { WatchOptions } from "./options.ts";
import { valueText } from "./record-text.ts";

const rowOf = ({ id, version, value }: Row) => ({ id, version, ...valueText(value) });

/** Prints what happens to some topics, until a signal comes. */
export async function watch(topics: readonly string[], { json, ...options }: WatchOptions): Promise<void> {
  const wanted: readonly Topic[] = topics.map(topicOf);
  await using store = await openChosen(options);
  const watching = store.driver.watch();
  const ending = listenForEnding();
  ending.addEventListener("abort", () => void watching.close(), { once: true });
  watching.add(wanted.map((topic) => ({ topic })));
  for await (const event of watching)
    for (const said of await saidOf(event)) print(json ? JSON.stringify(said) : lineOf(said));
}

interface Said {
  readonly type: Event["type"];
  readonly topic?: Topic;
  readonly position?: string;
  readonly text: string;
  readonly [field: string]: unknown;
}

async function saidOf(event: Event): Promise<readonly Said[]> {
  switch (event.type) {
    case "snapshot": {
      const { topic, lineage, position, rows } = event.snapshot;
      const all: Row[] = [];
      for await (const page of rows) all.push(...page);
      const head = { type: event.type, topic, lineage, position } as const;
      return [{ ...head, text: `${all.length} records`, rows: all.map(rowOf) }];
    }
    case "commits":
      return event.batch.map((commit) => ({ ...commitOf(commit), text: changesOf(commit) }));
    case "current":
      return [{ type: event.type, topics: event.topics, text: event.topics.join(" ") }];
    case "stale":
      return [
        {
          type: event.type,
          reason: event.reason,
          topics: event.topics,
          text: `${event.reason}: ${event.topics.join(" ")}`,
        },
      ];
    default:
      return event satisfies never;
  }
}

function commitOf(commit: TopicCommit) {
  const { topic, lineage, prev, position, alsoTouches, puts, deletes } = commit;
  const rows = { puts: puts.map(rowOf), deletes: deletes.map((gone) => gone.id) };
  return { type: "commits", topic, lineage, prev, position, commit: commit.commit, alsoTouches, ...rows } as const;
}
const changesOf = ({ puts, deletes }: TopicCommit): string =>
  [...puts.map((row) => `+${row.id}`), ...deletes.map((gone) => `-${gone.id}`)].join(" ");

const lineOf = ({ type, topic, position, text }: Said): string =>
  printable(
    [type === "commits" ? "commit" : type, topic, position, text].filter((part) => part !== undefined).join("  "),
  );
