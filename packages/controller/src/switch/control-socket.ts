import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";

const DEADLINE_MS = 5000;
/** A host has no more connections than that: some 150 bytes each. */
const LONGEST_ANSWER = 256 * 1024 * 1024;
/** `ovs-vswitchd.PID.ctl`, unless it was told another name. */
const NAMES = /^(?:ovs-)?vswitchd(?:\.\d+)?\.ctl$/;

/**
 * Asks vswitchd something over its control socket, as ovs-appctl(8) does: JSON-RPC 1.0.
 * @param directory Open vSwitch's run directory; where a daemon that was killed left its socket behind, the one that answers counts.
 * @throws {Error} what vswitchd says, or that nobody answers.
 */
export async function askVswitchd(directory: string, method: string, ...params: readonly string[]): Promise<string> {
  const names = (await readdir(directory)).filter((name) => NAMES.test(name));
  let failure = new Error(`no control socket of vswitchd in ${directory}`);
  for (const name of names) {
    try {
      return await ask(join(directory, name), method, params);
    } catch (error) {
      if (!isUnattended(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** Where vswitchd has its sockets: beside that of the bridge. @throws {RangeError} for a bridge that is elsewhere. */
export function runDirectory(bridge: string): string {
  if (!bridge.startsWith("unix:")) throw new RangeError(`${bridge} is not on this host`);
  return dirname(bridge.slice("unix:".length));
}

/** The datapath of a bridge: where there are several, one must be named. */
export async function datapathOf(directory: string, bridge: string): Promise<string> {
  const all = (await askVswitchd(directory, "dpctl/dump-dps")).split("\n").filter((name) => name !== "");
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  // Each datapath, then, indented, its bridges, and further in their ports.
  let current = "";
  for (const line of (await askVswitchd(directory, "dpif/show")).split("\n")) {
    if (/^\S+@\S+:/.test(line)) current = line.slice(0, line.indexOf(":"));
    else if (line === `  ${bridge}:`) return current;
  }
  throw new Error(`no datapath has the bridge ${bridge}`);
}

const isUnattended = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && (error.code === "ECONNREFUSED" || error.code === "ENOENT");

/** Objects stand back to back, and one question is asked: what has come is its answer, or the beginning of it. */
async function ask(path: string, method: string, params: readonly string[]): Promise<string> {
  const socket = connect(path);
  const timer = setTimeout(
    () => socket.destroy(new Error(`${method}: no answer within ${DEADLINE_MS} ms`)),
    DEADLINE_MS,
  );
  try {
    socket.setEncoding("utf8").write(JSON.stringify({ id: 0, method, params }));
    const parts: string[] = [];
    let length = 0;
    for await (const part of socket as AsyncIterable<string>) {
      parts.push(part);
      length += part.length;
      if (length > LONGEST_ANSWER) throw new Error(`${method}: an answer of more than ${LONGEST_ANSWER} bytes`);
      if (!part.endsWith("}")) continue;
      const answer = complete(parts.join(""));
      if (answer === undefined) continue;
      if (typeof answer.result !== "string") throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
      return answer.result;
    }
    throw new Error(`${method}: vswitchd hung up`);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function complete(text: string): { readonly result: unknown; readonly error: unknown } | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== "object" || answer === null) return { result: undefined, error: "not an answer" };
    // What was refused comes without a result.
    return { result: "result" in answer ? answer.result : undefined, error: "error" in answer ? answer.error : null };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
