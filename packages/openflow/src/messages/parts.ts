/** Matches, actions and instructions as members of a message. */
import type { Codec } from "@dragonflow/wire";
import { type Action, decodeActions, encodeActions } from "../actions/index.ts";
import { type Instructions, decodeInstructions, encodeInstructions } from "../instructions.ts";
import { type Match, decodeFields, decodeMatch, encodeFields, encodeMatch } from "../match.ts";

export const match: Codec<Match> = { read: decodeMatch, write: (w, value) => encodeMatch(w, value) };
/** Pipeline fields of a packet, without the header that a match has: until the enclosing structure ends. */
export const metadata: Codec<Match> = { read: decodeFields, write: (w, value) => encodeFields(w, value) };
/** Actions until the enclosing structure ends. */
export const actions: Codec<readonly Action[]> = { read: decodeActions, write: (w, value) => encodeActions(w, value) };
/** Instructions until the enclosing structure ends. */
export const instructions: Codec<Instructions> = {
  read: decodeInstructions,
  write: (w, value) => encodeInstructions(w, value),
};
