/** Arbitrary flows that a switch takes: fields whose prerequisites the match meets, with actions that fit it. */
import fc from "fast-check";
import { type Action, ACTIONS, type ActionType } from "../actions/index.ts";
import { type FieldRow, fieldRows } from "../fields/lookup.ts";
import { satisfies } from "../fields/prerequisites.ts";
import type { Instructions } from "../instructions.ts";
import type { Match } from "../match.ts";
import { ACTION_SAMPLES } from "./action-samples.ts";

/** What packets a match is about: each is the ground for other fields. */
const CONTEXTS: readonly Match[] = [
  {},
  { eth_type: 0x88cc },
  { vlan_vid: 0x1005 },
  { vlan_vid: { value: 0x1000, mask: 0x1000 }, vlan_pcp: 3 },
  { eth_type: 0x0800 },
  { eth_type: 0x0800, ip_proto: 1, icmpv4_type: 8 },
  { eth_type: 0x0800, ip_proto: 6 },
  { eth_type: 0x0800, ip_proto: 17, ct_state: { value: 0x22, mask: 0x3a } },
  { eth_type: 0x0800, ip_proto: 47 },
  { eth_type: 0x86dd },
  { eth_type: 0x86dd, ip_proto: 132 },
  { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 135, icmpv6_code: 0 },
  { eth_type: 0x86dd, ip_proto: 58, icmpv6_type: 136 },
  { eth_type: 0x86dd, ip_proto: 6, ct_state: 0x22, ct_nw_proto: 6 },
  { eth_type: 0x0806 },
  { eth_type: 0x8035 },
  { eth_type: 0x8847 },
  { eth_type: 0x894f, nsh_mdtype: 1 },
];

/** Fields that are the context, or that would change it. */
const OF_CONTEXT = new Set<string>([
  "packet_type",
  "eth_type",
  "vlan_vid",
  "vlan_pcp",
  "ip_proto",
  "icmpv6_type",
  "icmpv6_code",
  "ct_state",
  "ct_nw_proto",
  "nsh_mdtype",
]);

function fits(row: FieldRow, context: Match): boolean {
  const { field, name, view, mapped } = row;
  if (OF_CONTEXT.has(name) || view || field.identities.length === 0 || field.refused?.match !== undefined) return false;
  // One option that is mapped to four bytes speaks for all.
  if (mapped && name !== "tun_metadata7") return false;
  return !(name in context) && (field.needs === undefined || satisfies(context, field.needs));
}

type Term = number | bigint | { readonly value: number | bigint; readonly mask: number | bigint };

function wide(ones: bigint, maskable: boolean): fc.Arbitrary<Term> {
  const any = fc.bigInt({ min: 0n, max: ones });
  const masked = fc.record({ value: any, mask: fc.bigInt({ min: 1n, max: ones - 1n }) });
  return maskable
    ? fc.oneof(
        any,
        masked.map(({ value, mask }) => ({ value: value & mask, mask })),
      )
    : any;
}

function narrow(row: FieldRow): fc.Arbitrary<Term> {
  const ones = Number(row.ones);
  const max = row.name === "in_port" || row.name === "actset_output" ? 0xfeff : Number(row.limit);
  const any = fc.integer({ min: row.quirky ? 1 : 0, max });
  if (row.field.maskable !== true || ones === 1 || row.quirky) return any;
  const masked = fc.record({ value: fc.integer({ min: 0, max: ones }), mask: fc.integer({ min: 1, max: ones - 1 }) });
  return fc.oneof(
    any,
    masked.map(({ value, mask }) => ({ value: Number(BigInt(value) & BigInt(mask)), mask })),
  );
}

/** The states of fragmentation that there are, each with a word of its own. */
const FRAGMENTS: readonly Term[] = [0, 1, 3, { value: 1, mask: 1 }, { value: 0, mask: 2 }];

function termOf(row: FieldRow): fc.Arbitrary<Term> {
  if (row.name === "ip_frag") return fc.constantFrom(...FRAGMENTS);
  if (row.mapped) return wide(0xffff_ffffn, true);
  return typeof row.ones === "bigint" ? wide(row.ones, row.field.maskable === true) : narrow(row);
}

function matchIn(context: Match): fc.Arbitrary<Match> {
  const candidates = [...fieldRows()].filter((row) => fits(row, context));
  return fc
    .subarray(candidates, { maxLength: 7 })
    .chain((rows) => fc.record(Object.fromEntries(rows.map((row) => [row.name, termOf(row)]))))
    .map((terms): Match => ({ ...context, ...terms }))
    .filter((match) =>
      [...fieldRows()].every(({ name, needs }) => !(name in match) || needs === undefined || satisfies(match, needs)),
    );
}

/**
 * Actions that are alone, or that make another packet of what the match is about, so that others need not fit any more.
 */
const APART = new Set<ActionType>([
  "meter",
  "conjunction",
  "push_vlan",
  "pop_vlan",
  "push_mpls",
  "pop_mpls",
  "encap",
  "decap",
]);

function isPart(part: Match, whole: Match): boolean {
  const have: Readonly<Record<string, unknown>> = whole;
  return Object.entries(part).every(([name, term]) => JSON.stringify(have[name]) === JSON.stringify(term));
}

function actionsIn(context: Match): Action[] {
  const types = Object.keys(ACTION_SAMPLES) as ActionType[];
  return types
    .filter((type) => !APART.has(type) && !("refused" in ACTIONS[type]))
    .flatMap((type) =>
      ACTION_SAMPLES[type]
        .filter(({ match = {}, textLoses }) => isPart(match, context) && !textLoses)
        .map(({ body }) => ({ type, ...body }) as Action),
    );
}

export interface AnyFlow {
  readonly match: Match;
  readonly instructions: Instructions;
}

/** A flow in canonical form. */
export const anyFlow: fc.Arbitrary<AnyFlow> = fc.constantFrom(...CONTEXTS).chain((context) => {
  const actions = fc.subarray(actionsIn(context), { minLength: 1, maxLength: 5 });
  const instructions: fc.Arbitrary<Instructions> = fc.record(
    {
      apply: actions,
      clear: fc.constant(true as const),
      write: fc.constant([{ type: "output", port: 1 }] as const),
      metadata: fc.record({ value: fc.constant(1n), mask: fc.constant(0xffn) }),
      goto: fc.integer({ min: 200, max: 253 }),
    },
    { requiredKeys: [] },
  );
  return fc.record({ match: matchIn(context), instructions });
});
