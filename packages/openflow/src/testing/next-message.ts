import { once } from "node:events";
import type { MessageNamed, MessageType } from "../messages/index.ts";
import type { OpenFlowSocket } from "../socket.ts";

const DEADLINE_MS = 10_000;

/** The next message of one type that satisfies `wanted`; what else comes is left out. Start it before what causes the message. */
export async function nextMessage<N extends MessageType>(
  socket: OpenFlowSocket,
  type: N,
  wanted: (message: MessageNamed<N>) => boolean = () => true,
): Promise<MessageNamed<N>> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  for (;;) {
    const [message] = await once(socket, "message", { signal });
    if (message.type === type && wanted(message)) return message;
  }
}
