import { ASKER_LEASES, TOPIC_FAMILIES, type Topic, type TopicFamily } from "@dragonflow/model";
import type { Subject } from "../tokens.ts";

/** What the bearer of a token may do. */
export interface Rights {
  readonly mayRead: (topic: Topic) => boolean;
  readonly mayWrite: (topic: Topic) => boolean;
  readonly mayLease: (name: string) => boolean;
}

const EVERYTHING: Rights = { mayRead: () => true, mayWrite: () => true, mayLease: () => true };

function isFamily(name: string): name is TopicFamily {
  return Object.hasOwn(TOPIC_FAMILIES, name);
}

const access = (topic: Topic): (typeof TOPIC_FAMILIES)[TopicFamily] | undefined => {
  const [family = ""] = topic.split("/", 1);
  return isFamily(family) ? TOPIC_FAMILIES[family] : undefined;
};

/** Reads everything, asks the chassis, and writes nothing else; what it asks goes with its lease. */
const OPERATOR: Rights = {
  mayRead: () => true,
  mayWrite: (topic) => access(topic) === "to-chassis" || access(topic) === "operators",
  mayLease: (name) => name.startsWith(ASKER_LEASES),
};

/**
 * Servers may do all. A chassis reads what controllers need and what it is asked, reads and writes its own status and its answers, and holds the lease
 * `chassis/<its name>`.
 */
export function rightsOf(subject: Subject): Rights {
  if (subject === "server") return EVERYTHING;
  if (subject === "operator") return OPERATOR;
  const chassis = subject.slice("chassis:".length);
  const isOwn = (topic: Topic): boolean => {
    const [, name, ...rest] = topic.split("/");
    return name === chassis && rest.length === 0;
  };
  const owns = (topic: Topic): boolean => access(topic) === "own-chassis" && isOwn(topic);
  return {
    mayRead: (topic) =>
      access(topic) === "controllers" || owns(topic) || (access(topic) === "to-chassis" && isOwn(topic)),
    mayWrite: owns,
    mayLease: (name) => name === `chassis/${chassis}`,
  };
}
