import { type Capabilities, type PubSubTraits, REACHES, type Reach } from "../contract.ts";

/** What of a database decides which pub/sub goes with it. */
export interface PairedDatabase extends Pick<Capabilities, "watch" | "auth"> {
  readonly reach: Reach;
}
/** Who wakes watchers; or why the two must not be used together. */
export type Pairing =
  | { readonly ok: true; readonly wakes: "database" | "pubsub" }
  | { readonly ok: false; readonly reason: string };

const refused = (reason: string): Pairing => ({ ok: false, reason });

/**
 * Whether a database and a pub/sub may be used together. A pair that may is safe, whatever the pub/sub loses: heads are compared in any case. Refused is
 * one in which watchers would regularly wait for that, or in which the pub/sub opens to everybody what the database opens to few.
 */
export function pairing(database: PairedDatabase, pubsub: PubSubTraits | undefined): Pairing {
  if (pubsub === undefined) {
    if (database.watch !== "none") return { ok: true, wakes: "database" };
    return refused("the database tells nobody of changes, and there is no pub/sub: watchers would only compare heads");
  }
  if (database.watch === "data")
    return refused("the database sends its watchers what has changed: nobody would listen to the pub/sub");
  if (database.reach === "process")
    return refused("one process alone has the database open: whoever a pub/sub wakes could not read it");
  if (REACHES.indexOf(pubsub.reach) < REACHES.indexOf(database.reach))
    return refused(
      `the database is shared by a ${database.reach}, and the pub/sub reaches a ${pubsub.reach} only: others would not be woken`,
    );
  if (pubsub.reach === "network" && database.auth.length > 0 && pubsub.auth.length === 0)
    return refused(
      "the database knows its clients, and the pub/sub does not: whoever reaches it would learn the names of topics, and could make every watcher read for nothing",
    );
  return { ok: true, wakes: "pubsub" };
}
