import { closeSync, constants, fsyncSync, openSync, readFileSync, readSync, statSync, writeSync } from "node:fs";

/**
 * The guard file beside the database, `FILE-guard`: by it a store that went back in time is recognised when it is opened.
 *
 * It says how far the store had come: rewritten (not synced: 2 microseconds) after every commit. A database that is behind it lost commits: it
 * was restored from a backup, or its log was damaged. So was one that lies in another file than before, or that has no guard. After a crash of the
 * machine (another boot, and the store was not closed) the guard itself may be behind, and proves nothing. All of these get a new lineage, which
 * is always safe, and costs every reader a snapshot. What it cannot see: a rollback of the whole block device while the store was closed.
 */
interface GuardState {
  readonly lineage: string;
  readonly sequence: number;
  /** Device and inode of the database. */
  readonly file: string;
  readonly boot: string;
  readonly closed: boolean;
  readonly pid: number;
}

/** Fixed size, so that each write replaces the one before; within one sector, so that it is never torn. */
const GUARD_BYTES = 512;

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch (error) {
    // Not Linux: every unclean end then counts as a crash of the machine.
    return `unknown-${error instanceof Error ? error.name : ""}-${process.pid}-${Date.now()}`;
  }
}

function identityOf(file: string): string {
  const { dev, ino } = statSync(file, { bigint: true });
  return `${dev}:${ino}`;
}

function parse(text: string): GuardState | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { lineage, sequence, file, boot, closed, pid }: Readonly<Record<string, unknown>> = { ...value };
    if (typeof lineage !== "string" || typeof sequence !== "number" || typeof file !== "string") return undefined;
    if (typeof boot !== "string" || typeof closed !== "boolean" || typeof pid !== "number") return undefined;
    return { lineage, sequence, file, boot, closed, pid };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const guardFile = (file: string): string => `${file}-guard`;

/** Who has, or last had, the database open: the pid that the guard names. */
export function lastOpener(file: string): number | undefined {
  try {
    return parse(readFileSync(guardFile(file), "utf8"))?.pid;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

export class LineageGuard {
  readonly #descriptor: number;
  readonly #file: string;
  readonly #boot = bootId();
  readonly #before: GuardState | undefined;
  #lineage = "";
  #sequence = 0;

  /** Only for whoever holds the database's lock. */
  constructor(file: string) {
    this.#descriptor = openSync(guardFile(file), constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#file = identityOf(file);
    const buffer = Buffer.alloc(GUARD_BYTES);
    const length = readSync(this.#descriptor, buffer, 0, GUARD_BYTES, 0);
    this.#before = parse(buffer.toString("utf8", 0, length));
  }

  /** The store was not closed by whoever had it open last. */
  get unclean(): boolean {
    return this.#before?.closed !== true;
  }

  /** Said of a database that is empty: why that is strange. */
  get emptied(): string | undefined {
    return this.#before === undefined ? undefined : "it is empty, and was not before";
  }

  /** Why this database cannot be the continuation of what its readers saw; undefined when it can. */
  doubt(lineage: string, sequence: number): string | undefined {
    const before = this.#before;
    if (before === undefined) return "it has no guard file";
    if (before.lineage !== lineage) return "its guard file is of another lineage";
    if (before.file !== this.#file) return "it is another file than before";
    if (sequence < before.sequence) return `it is at ${sequence}, and was at ${before.sequence}`;
    if (!before.closed && before.boot !== this.#boot) return "the machine went down while it was open";
    return undefined;
  }

  open(lineage: string, sequence: number): void {
    this.#lineage = lineage;
    this.#sequence = sequence;
    this.#write(false);
    fsyncSync(this.#descriptor);
  }

  /** After a commit's sync, before its acknowledgement. */
  advance(sequence: number): void {
    this.#sequence = sequence;
    this.#write(false);
  }

  close(): void {
    this.#write(true);
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }

  /** Leaves the file as a killed process would. */
  abandon(): void {
    closeSync(this.#descriptor);
  }

  #write(closed: boolean): void {
    const state: GuardState = {
      lineage: this.#lineage,
      sequence: this.#sequence,
      file: this.#file,
      boot: this.#boot,
      closed,
      pid: process.pid,
    };
    writeSync(
      this.#descriptor,
      JSON.stringify(state)
        .padEnd(GUARD_BYTES - 1)
        .concat("\n"),
      0,
      "utf8",
    );
  }
}
