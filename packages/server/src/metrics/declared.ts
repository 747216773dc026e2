import { counter, type Declarations, FAST_SECONDS, gauge, histogram, LAG_SECONDS } from "@dragonflow/metrics";

/** What a server tells Prometheus. Who counts each of them: api.ts, measured-store.ts, collected.ts. */
export const SERVER_METRICS = {
  dragonflow_api_request_duration_seconds: histogram(
    FAST_SECONDS,
    "From a request's headers to its answer's end, by the collection of its path, its method and the status that it got.",
    "resource",
    "method",
    "status",
  ),
  dragonflow_store_commit_duration_seconds: histogram(
    FAST_SECONDS,
    "What the store took for a commit: done (ok), refused because something that it expected did not hold (conflict), or failed (error).",
    "outcome",
  ),
  dragonflow_store_read_duration_seconds: histogram(
    FAST_SECONDS,
    "What the store took for a record (get), for the position of a topic (head), or to begin a snapshot.",
    "operation",
  ),
  dragonflow_store_event_lag_seconds: histogram(
    LAG_SECONDS,
    "From a commit, by the store's clock, until a part of this server that follows the store has it: the API, the folding, the relay.",
  ),
  dragonflow_relay_connections: gauge("Controllers and further servers that are connected to the relay."),
  dragonflow_relay_messages_total: counter("Messages over the relay's connections, by direction.", "direction"),
  dragonflow_relay_bytes_total: counter(
    "Bytes of these messages, without the framing of WebSocket and TLS.",
    "direction",
  ),
  dragonflow_folding_leading: gauge("1 on the one server that folds what chassis report into the API's objects."),
  dragonflow_folded_total: counter(
    "What this server looked at because something of it had changed, by what it is.",
    "what",
  ),
  dragonflow_objects: gauge("Objects of the API, by collection.", "resource"),
  dragonflow_ports: gauge("Ports by status.", "status"),
} as const satisfies Declarations;
