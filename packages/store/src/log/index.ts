/** The log emulation: a full store on a database that is atomic on one key only. */
export { type Cell, type Cells, type CellTraits, type Revision, revision } from "./cells.ts";
export { logCapabilities, type LogStoreOptions, openLogStore } from "./store.ts";
