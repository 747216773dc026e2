import { decodeMatch, encodeMatch, type Match } from "@dragonflow/openflow";
import { Reader, Writer } from "@dragonflow/wire";

const arena = new Writer(1024);

/** A match as a switch returns it. */
export function canonicalMatch(match: Match): Match {
  arena.reset();
  encodeMatch(arena, match);
  return decodeMatch(new Reader(arena.slice()));
}
