/** The embedded store: one SQLite file, one server. Other processes reach it through the relay. */
export { openSqliteStore, SQLITE_CAPABILITIES, type SqliteStore, type SqliteStoreOptions } from "./store.ts";
