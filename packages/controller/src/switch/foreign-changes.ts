import { ConnectionError, type Flow, type OpenFlowSocket } from "@dragonflow/openflow";

/** A flow that came, went or was changed. */
type ChangedFlow = Pick<Flow, "table" | "priority" | "match" | "cookie">;

/** Who changes our flows again and again shall not keep us from everything else. */
const DISTURBED_EVERY_MS = 1000;

/** Changes by others, told of once for all that come together, and once a second at most. */
export class Disturbances {
  readonly #disturbed: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(disturbed: () => void) {
    this.#disturbed = disturbed;
  }
  noticed(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#lastMs = performance.now();
        this.#disturbed();
      },
      Math.max(0, this.#lastMs + DISTURBED_EVERY_MS - performance.now()),
    );
  }
  close(): void {
    clearTimeout(this.#timer);
  }
}

const MONITOR = { monitor: 1, flags: ["add", "removed", "modify"], command: "add", match: {} } as const;

/**
 * Tells what others do to the flows of a bridge, from now on: another program, a person with ovs-ofctl, or a connection of ours that is lost and whose
 * last messages the switch has not worked off. What this connection does itself comes as no more than a number.
 */
export async function watchForeignChanges(
  socket: OpenFlowSocket,
  onChange: (flow: ChangedFlow) => void,
): Promise<void> {
  socket.on("message", (message) => {
    if (message.type !== "flow_monitor_reply") return;
    for (const update of message.entries)
      if (update.event === "added" || update.event === "removed" || update.event === "modified") onChange(update);
  });
  try {
    // A request that is refused is not answered, which a barrier behind it shows.
    await Promise.all([socket.request({ type: "flow_monitor_request", entries: [MONITOR] }), socket.barrier()]);
  } catch (error) {
    // It goes without: what others do is seen at the next connection.
    if (!(error instanceof ConnectionError) || error.code !== "unanswered") throw error;
  }
}
