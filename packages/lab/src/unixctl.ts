import { connect } from "node:net";
import { LabError } from "./errors.ts";

/**
 * Sends commands to a running Open vSwitch daemon over its control socket, as ovs-appctl(8) does: JSON-RPC 1.0,
 * objects back to back. One connection for all of them, in order.
 * @param commands method first, then its parameters.
 * @returns what each answered. @throws {LabError} `tool-failed` for the first that failed, `timeout`
 */
export async function unixctl(socketPath: string, commands: readonly (readonly string[])[]): Promise<string[]> {
  const socket = connect(socketPath);
  socket.setEncoding("utf8");
  socket.setTimeout(10_000, () => socket.destroy(new LabError("timeout", `no answer from ${socketPath} for 10 s`)));
  try {
    const chunks: AsyncIterator<string> = socket[Symbol.asyncIterator]();
    const answers: string[] = [];
    for (const [id, [method, ...params]] of commands.entries()) {
      socket.write(JSON.stringify({ id, method, params }));
      answers.push(await nextAnswer(chunks, `${method ?? ""} ${params.join(" ")}`));
    }
    return answers;
  } finally {
    socket.destroy();
  }
}

async function nextAnswer(chunks: AsyncIterator<string>, command: string): Promise<string> {
  let received = "";
  for (;;) {
    const chunk = await chunks.next();
    if (chunk.done === true) throw new LabError("tool-failed", `${command}: the daemon hung up`);
    received += chunk.value;
    const reply = parseReply(received);
    if (reply === null) continue;
    if (reply.error !== null) throw new LabError("tool-failed", `${command}: ${JSON.stringify(reply.error)}`);
    return typeof reply.result === "string" ? reply.result : "";
  }
}

/** One request is under way at a time, so what has arrived is one reply or the beginning of one. */
function parseReply(received: string): { result: unknown; error: unknown } | null {
  try {
    const reply: unknown = JSON.parse(received);
    if (typeof reply !== "object" || reply === null) return { result: null, error: received };
    return { result: "result" in reply ? reply.result : null, error: "error" in reply ? reply.error : null };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
