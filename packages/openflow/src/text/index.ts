/** The syntax of ovs-ofctl: flows, matches and actions as text, both ways. */
export { printAction, printActions, printInstructions } from "./actions.ts";
export { parseActions, parseFlow, parseInstructions, parseMatch, printFlow } from "./flow.ts";
export { parseGroup, printGroup } from "./group.ts";
export type { Group } from "./group.ts";
export { printMatch } from "./match-print.ts";
export type { NamedNumbers, Names } from "./names.ts";
export { TextError } from "./piece.ts";
export type { TextCode } from "./piece.ts";
