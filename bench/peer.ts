/**
 * OVN on the same machine: BENCH_PEER names a folder with its scripts, which run in alternation with ours, BENCH_ROUNDS times and once more at the
 * end. Without it there is no such column.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { numberFrom } from "./measure.ts";
import { record } from "./processes.ts";

const FOLDER = process.env["BENCH_PEER"];
const ROUNDS = numberFrom("BENCH_ROUNDS", 1);

/** What the runs of a script left in its folder of results, by name of the file. */
export class PeerResults {
  readonly #runs: readonly ReadonlyMap<string, string>[];
  constructor(runs: readonly ReadonlyMap<string, string>[]) {
    this.#runs = runs;
  }

  /** All numbers of all runs at this path of its JSON; `*` stands for every entry of a list. None where OVN was not asked for. */
  values(...path: readonly string[]): readonly number[] {
    return this.#runs.flatMap((files) =>
      [...files].filter(([name]) => name.endsWith(".json")).flatMap(([, json]) => numbersAt(JSON.parse(json), path)),
    );
  }
  /** The text of a file, of each run. */
  texts(name: string): readonly string[] {
    return this.#runs.flatMap((files) => files.get(name) ?? []);
  }
}

function numbersAt(value: unknown, path: readonly string[]): readonly number[] {
  const [first, ...rest] = path;
  if (first === undefined) {
    if (typeof value === "number") return [value];
    return Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
  }
  if (first === "*") return Array.isArray(value) ? value.flatMap((item) => numbersAt(item, rest)) : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => (key === first ? numbersAt(item, rest) : []));
}

/**
 * Runs ours, and OVN's script before and after it.
 * @param when what the memory of its processes is recorded under
 * @returns what each run of ours gave, and what OVN's gave
 */
export async function besidePeer<T>(
  script: string,
  args: readonly (string | number)[],
  when: string,
  report: (line: string) => void,
  ours: () => Promise<T>,
): Promise<{ readonly ours: readonly T[]; readonly peer: PeerResults }> {
  const results: T[] = [];
  const runs: ReadonlyMap<string, string>[] = [];
  const theirs = async (): Promise<void> => {
    if (FOLDER === undefined) return;
    report(`OVN: ${script} ${args.join(" ")}`);
    runs.push(await runScript(join(FOLDER, script), args.map(String)));
  };
  await theirs();
  for (let round = 0; round < ROUNDS; round++) {
    results.push(await ours());
    await theirs();
  }
  const peer = new PeerResults(runs);
  recordProcesses(peer, when);
  return { ours: results, peer };
}

async function runScript(script: string, args: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), "bench-peer-"));
  try {
    const child = spawn("python3", [script, ...args], {
      env: { ...process.env, OVNBENCH_DIR: directory },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = text(child.stdout);
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-2000)));
    const [status] = await once(child, "close");
    if (status !== 0) throw new Error(`${script} ended with ${String(status)}: ${complaint}`);
    const results = join(directory, "results");
    const files = globSync("*", { cwd: results }).map(
      (name) => [name, readFileSync(join(results, name), "utf8")] as const,
    );
    // One that keeps no file says it.
    return new Map(files.length > 0 ? files : [["said.json", await said]]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const THEIR_PROCESSES = {
  northd: "ovn-northd",
  nb: "northbound ovsdb-server",
  sb: "southbound ovsdb-server",
  ctl: "ovn-controller",
  vswitchd: "ovs-vswitchd",
} as const;

function recordProcesses(peer: PeerResults, when: string): void {
  for (const [key, name] of Object.entries(THEIR_PROCESSES)) {
    const peaks = peer.values("rss_end", key, "VmHWM");
    if (peaks.length > 0) record({ when, process: `OVN: ${name}`, peakMb: Math.max(...peaks) });
  }
}
