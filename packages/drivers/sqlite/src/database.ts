import { randomBytes, randomInt } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import {
  type Lineage,
  lineage as lineageOf,
  StoreCorrupt,
  StoreError,
  StoreFull,
  StoreLocked,
  Unavailable,
} from "@dragonflow/store";
import { LineageGuard, lastOpener } from "./guard.ts";
import { makePrivateFile } from "./private-file.ts";

/** "DFnb": tells our databases from others. */
const APPLICATION_ID = 0x44466e62;
const FORMAT_VERSION = 1;

/**
 * One number, the sequence, orders everything: commit n makes n the position of its topics and the version of its rows. So versions are never
 * reused, and no tombstone is kept: what was deleted since a position is read from the log.
 *
 * log.body: JSON, `[[topic number, position before, [ids put], [ids deleted]], ...]`. Values are not logged: a watcher that comes back gets the
 * rows as they are now.
 */
const TABLES = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE topics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, head INTEGER NOT NULL) STRICT;
  CREATE TABLE rows (
    topic INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (topic, id)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE log (sequence INTEGER PRIMARY KEY, commit_id TEXT NOT NULL, body TEXT NOT NULL) STRICT;
`;

/**
 * A lineage starts far ahead of the one before, at a random distance: so that positions and versions that were given out before a restore, and lost
 * by it, never name anything else. Fits 53 bits for some hundreds of restores.
 */
const LINEAGE_GAP = { least: 2 ** 32, range: 2 ** 44 };

/** SQLite's primary result codes (sqlite.org/rescode.html); the low byte of an extended one. */
const RESULT = { busy: 5, locked: 6, ioError: 10, corrupt: 11, full: 13, notADatabase: 26 } as const;

function resultOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

/** The typed error for what SQLite threw; undefined for what is not SQLite's. */
export function storeErrorOf(error: unknown, file: string): StoreError | undefined {
  if (error instanceof StoreError) return error;
  const result = resultOf(error);
  if (result === undefined) return undefined;
  const words = error instanceof Error ? error.message : String(error);
  switch (result) {
    case RESULT.full:
      return new StoreFull(`${file}: no room to write`, { cause: error });
    case RESULT.busy:
    case RESULT.locked:
      return new StoreLocked(
        `${file} is open in another process (last opened by process ${lastOpener(file) ?? "unknown"}): one server has the file, others reach it through its relay`,
        { cause: error },
      );
    case RESULT.corrupt:
    case RESULT.notADatabase:
      return new StoreCorrupt(`${file}: ${words}`, { cause: error });
    default:
      return new Unavailable(`${file}: ${words}`, { cause: error });
  }
}

export interface OpenOptions {
  readonly file: string;
  /** The database refuses to grow beyond this: {@link StoreFull}. Default: as far as the disk goes. */
  readonly maxBytes?: number;
  /** Says that this file went back in time in a way that its guard file cannot show (a block device rolled back). */
  readonly newLineage?: boolean;
}
export interface OpenedDatabase {
  readonly db: DatabaseSync;
  readonly lineage: Lineage;
  /** The last one used. */
  readonly sequence: number;
  /** None for a database in memory. */
  readonly guard: LineageGuard | undefined;
  /** Why the lineage is a new one, where there had been another. */
  readonly renewed: string | undefined;
}

function pragma(db: DatabaseSync, name: string): unknown {
  const row = db.prepare(`PRAGMA ${name}`).get();
  return row === undefined ? undefined : Object.values(row)[0];
}

/**
 * Opens or makes the database, alone: the lock is held until it is closed. A torn tail of the write-ahead log is cut off by SQLite's checksums.
 * @throws {StoreLocked} | {@link StoreCorrupt} | {@link StoreFull} | {@link Unavailable}
 */
export function openDatabase(options: OpenOptions): OpenedDatabase {
  const { file } = options;
  let db: DatabaseSync | undefined;
  try {
    if (file !== ":memory:") makePrivateFile(file);
    db = new DatabaseSync(file);
    // Exclusive before the first access: the lock is taken at once and kept, and no shared-memory file is needed.
    db.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    db.exec("PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864");
    db.exec("BEGIN IMMEDIATE; COMMIT");
    const fresh = prepareTables(db, file);
    if (options.maxBytes !== undefined) {
      const pages = Math.floor(options.maxBytes / Number(pragma(db, "page_size")));
      db.exec(`PRAGMA max_page_count=${pages}`);
    }
    return { db, ...settleLineage(db, options, fresh) };
  } catch (error) {
    db?.close();
    throw storeErrorOf(error, file) ?? error;
  }
}

function prepareTables(db: DatabaseSync, file: string): boolean {
  const application = pragma(db, "application_id");
  if (application === APPLICATION_ID) {
    const format = Number(pragma(db, "user_version"));
    if (format !== FORMAT_VERSION)
      throw new StoreCorrupt(`${file}: format ${format}, this release reads ${FORMAT_VERSION}`);
    return false;
  }
  if (application !== 0 || pragma(db, "schema_version") !== 0)
    throw new StoreCorrupt(`${file} is another program's database`);
  db.exec(
    `BEGIN IMMEDIATE; ${TABLES}; PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${FORMAT_VERSION}; COMMIT`,
  );
  return true;
}

function settleLineage(db: DatabaseSync, options: OpenOptions, fresh: boolean): Omit<OpenedDatabase, "db"> {
  const { file } = options;
  const meta = new Map(
    db
      .prepare("SELECT name, value FROM meta")
      .all()
      .map((row) => [row["name"], row["value"]]),
  );
  const logged = db.prepare("SELECT max(sequence) AS last FROM log").get()?.["last"];
  let sequence = Math.max(Number(meta.get("base") ?? 0), Number(logged ?? 0));
  let lineage = String(meta.get("lineage") ?? "");
  const guard = file === ":memory:" ? undefined : new LineageGuard(file);
  // A log that was put beside another database's file mends it into nonsense; only a look at all pages shows it.
  if (!fresh && guard?.unclean === true && pragma(db, "quick_check(1)") !== "ok")
    throw new StoreCorrupt(`${file} is damaged: restore a backup, without the -wal file that lies there`);
  const asked = options.newLineage === true ? "it was asked for" : undefined;
  const isNew = fresh || lineage === "";
  const renewed = isNew ? guard?.emptied : (asked ?? guard?.doubt(lineage, sequence));
  if (isNew || renewed !== undefined) {
    lineage = randomBytes(9).toString("base64url");
    sequence += LINEAGE_GAP.least + randomInt(LINEAGE_GAP.range);
    db.exec("BEGIN IMMEDIATE");
    const put = db.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
    put.run("lineage", lineage);
    put.run("base", String(sequence));
    db.exec("COMMIT");
  }
  guard?.open(lineage, sequence);
  return { lineage: lineageOf(lineage), sequence, guard, renewed };
}
