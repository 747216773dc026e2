import { readFile } from "node:fs/promises";

/** Blank lines, stack frames, and what Node says of itself when it dies: what is left says why. */
const NOISE = /^\s*$|^\s+at |^Node\.js v|^\s*\^+$/;

/** The end of a log as people read it: JSON lines as time-less text, others as they are. Empty logs say so. */
export async function lastWords(logFile: string, lines: number): Promise<string> {
  const text = await readFile(logFile, "utf8");
  const last = text
    .split("\n")
    .filter((line) => !NOISE.test(line))
    .slice(-lines)
    .map(readable);
  return last.length === 0 ? `its log is empty (${logFile})` : last.join("\n");
}

function readable(line: string): string {
  if (!line.startsWith("{")) return line;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return line;
  }
  if (typeof entry !== "object" || entry === null || !("msg" in entry)) return line;
  const err: unknown = "err" in entry ? entry.err : undefined;
  const cause = typeof err === "object" && err !== null && "message" in err ? `: ${String(err.message)}` : "";
  return `${String(entry.msg)}${cause}`;
}
