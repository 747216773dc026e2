import type { Capabilities } from "./contract.ts";

/** One line of the table of a store's capabilities. */
export interface CapabilityRow {
  /** As in {@link Capabilities}. */
  readonly name: string;
  readonly value: string;
  /** What follows from it. */
  readonly meaning: string;
}

const ATOMIC: Readonly<Record<Capabilities["atomic"], string>> = {
  "all-topics": "a commit is one transaction of the store, whatever topics it touches",
  "one-topic": "a commit that touches several topics goes through a log",
  "one-key": "every commit goes through a log",
};
const DURABLE: Readonly<Record<Capabilities["durable"], string>> = {
  quorum: "what was acknowledged survives the loss of any minority of its servers",
  "local-disk": "what was acknowledged survives a crash, and is lost with the disk",
  "memory-async":
    "what was acknowledged last can be lost when a copy takes over; the lineage changes, and servers write it again",
};
const WATCH: Readonly<Record<Capabilities["watch"], string>> = {
  data: "watchers are sent what has changed",
  poke: "watchers are told that something has changed, and read it",
  none: "watchers are told nothing: it needs a pub/sub",
};
const RESUME: Readonly<Record<Capabilities["resume"], string>> = {
  position: "who comes back gets what he missed, however long it was",
  recent: "who comes back gets what he missed if it is not too much, else the whole topic",
  never: "who comes back gets the whole topic",
};
const DELIVERY: Readonly<Record<Capabilities["delivery"], string>> = {
  commit: "all topics of a commit come in one event",
  topic: "the topics of a commit come one by one, and are put together by the manifest",
};
const AUTH: Readonly<Record<Capabilities["auth"][number], string>> = {
  tls: "connections are encrypted",
  password: "clients show a password or a token",
  "acl-by-topic": "what a client may write depends on who it is",
};

const size = (bytes: number): string => {
  if (bytes >= 1024 * 1024) return `${(bytes / 1024 / 1024).toFixed(bytes % (1024 * 1024) === 0 ? 0 : 1)} MiB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(bytes % 1024 === 0 ? 0 : 1)} KiB` : `${bytes} bytes`;
};
const yesOrNo = (flag: boolean): string => (flag ? "yes" : "no");

/** All that a store declares, in words. */
export function capabilityRows(capabilities: Capabilities): readonly CapabilityRow[] {
  const { atomic, durable, watch, resume, delivery, lease, rangeDelete, serverSideFilter, auth, limits } = capabilities;
  return [
    { name: "atomic", value: atomic, meaning: ATOMIC[atomic] },
    { name: "durable", value: durable, meaning: DURABLE[durable] },
    { name: "watch", value: watch, meaning: WATCH[watch] },
    { name: "resume", value: resume, meaning: RESUME[resume] },
    { name: "delivery", value: delivery, meaning: DELIVERY[delivery] },
    {
      name: "lease",
      value: yesOrNo(lease),
      meaning: lease ? "who holds a name is known to all, and ends with its holder" : "leases are refused",
    },
    {
      name: "rangeDelete",
      value: yesOrNo(rangeDelete),
      meaning: rangeDelete ? "many records are deleted by one operation" : "records are deleted one by one",
    },
    {
      name: "serverSideFilter",
      value: yesOrNo(serverSideFilter),
      meaning: serverSideFilter ? "watchers may ask for some records of a topic" : "watchers get whole topics",
    },
    {
      name: "auth",
      value: auth.length === 0 ? "none" : auth.join(", "),
      meaning: auth.length === 0 ? "who reaches it may do everything" : auth.map((each) => AUTH[each]).join("; "),
    },
    {
      name: "opsPerCommit",
      value: String(limits.opsPerCommit),
      meaning: "changes and expectations of one commit; more are refused as too-large",
    },
    {
      name: "bytesPerCommit",
      value: size(limits.bytesPerCommit),
      meaning: "values of one commit; more are refused as too-large",
    },
    {
      name: "bytesPerRecord",
      value: size(limits.bytesPerRecord),
      meaning: "one value; a larger one is refused as too-large",
    },
    { name: "listPage", value: String(limits.listPage), meaning: "records that a snapshot brings at a time, at most" },
  ];
}
