import type { Message, MessageNamed, MessageType } from "../messages/index.ts";
import type { OpenFlowSocket } from "../socket.ts";

const DEADLINE_MS = 10_000;

/**
 * The next message of one type that satisfies `wanted`; what else comes is left out. Start it before what causes the
 * message.
 */
export function nextMessage<N extends MessageType>(
  socket: OpenFlowSocket,
  type: N,
  wanted: (message: MessageNamed<N>) => boolean = () => true,
): Promise<MessageNamed<N>> {
  const isWanted = (message: Message): message is MessageNamed<N> =>
    message.type === type && wanted(message as MessageNamed<N>);
  return new Promise((resolve, reject) => {
    const listen = (message: Message): void => {
      if (!isWanted(message)) return;
      stop();
      resolve(message);
    };
    const fail = (): void => {
      stop();
      reject(new Error(`no such ${type} within ${DEADLINE_MS} ms`));
    };
    const deadline = setTimeout(fail, DEADLINE_MS);
    const stop = (): void => {
      clearTimeout(deadline);
      socket.off("message", listen);
    };
    socket.on("message", listen);
  });
}
