/** Pub/sub: pokes beside a database that does not tell of changes itself. */
export { MemoryPubSub, type PokeFault } from "./memory.ts";
export { type PairedDatabase, type Pairing, pairing } from "./pairing.ts";
