import { TOPIC_FAMILIES, type Topic, type TopicFamily } from "@dragonflow/model";
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

/** Servers may do all. A chassis reads what controllers need, reads and writes its own status, and holds the lease `chassis/<its name>`. */
export function rightsOf(subject: Subject): Rights {
  if (subject === "server") return EVERYTHING;
  const chassis = subject.slice("chassis:".length);
  const owns = (topic: Topic): boolean => {
    const [family = "", name, ...rest] = topic.split("/");
    return isFamily(family) && TOPIC_FAMILIES[family] === "own-chassis" && name === chassis && rest.length === 0;
  };
  return {
    mayRead(topic) {
      const [family = ""] = topic.split("/", 1);
      return (isFamily(family) && TOPIC_FAMILIES[family] === "controllers") || owns(topic);
    },
    mayWrite: owns,
    mayLease: (name) => name === `chassis/${chassis}`,
  };
}
