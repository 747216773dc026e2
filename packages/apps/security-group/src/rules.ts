import type { Read } from "@dragonflow/engine";
import {
  conjunction,
  ctState,
  type Desired,
  ETH_TYPE,
  flow,
  goto,
  type MatchSpec,
  type Step,
} from "@dragonflow/pipeline";
import { levelOf, type LocalRule } from "./local.ts";
import { peersOf } from "./peers.ts";
import { servicesOf } from "./services.ts";
import { app, type Side, SIDES } from "./sides.ts";

/** A way to accept: a further match, and what becomes of the packet. */
interface Acceptance {
  readonly match: MatchSpec;
  readonly steps: readonly Step[];
}

/**
 * The flows of one rule: it allows what matches one of each of its lists (own identities, other ends, services).
 *
 * Each rule has a priority of its own, which says which of several counts (see `compareRules`), and which is the id of its conjunction: so no flow is
 * shared by two rules, and conjunctions of two rules never meet. Rules that share a priority, because too many have one hash, are written out and counted together: what is
 * the same in them does the same, whosoever it is.
 */
export function ruleFlows({ id, rule, stateful, identities }: LocalRule, read: Read): readonly Desired[] {
  const side = SIDES[rule.direction];
  const { priority, shared } = levelOf(rule, read);
  const owner = shared
    ? { app, kind: "security-group-rules", id: `of priority ${priority}` }
    : { app, kind: "security-group-rule", id };
  const family = { eth_type: rule.ipVersion === 4 ? ETH_TYPE.ipv4 : ETH_TYPE.ipv6 };
  const lists = [
    identities.map((identity): MatchSpec => ({ [side.own]: identity })),
    peersOf(rule, side, read),
    servicesOf(rule, stateful),
  ];
  if (lists.some((list) => list.length === 0)) return [];

  const common = merge([family, ...lists.flatMap((list) => (list.length === 1 ? list : []))]);
  const many = lists.filter((list) => list.length > 1);
  const clauses = many.length === 1 ? [...many, [{}]] : many;
  const accept = acceptances(stateful, side);
  const product = many.reduce((count, list) => count * list.length, accept.length);
  const sum = clauses.reduce((count, list) => count + list.length, accept.length);

  if (product <= sum || shared)
    return accept.flatMap(({ match, steps }) =>
      combinations(many).map((each) => flow(owner, side.rules, priority, merge([common, ...each, match]), steps)),
    );
  const tracked = stateful ? { ct_state: ctState("+trk-inv") } : {};
  return [
    ...clauses.flatMap((list, clause) =>
      list.map((one) =>
        flow(owner, side.rules, priority, merge([common, one, tracked]), [
          conjunction(priority, clause, clauses.length),
        ]),
      ),
    ),
    ...accept.map(({ match, steps }) =>
      flow(owner, side.rules, priority, merge([family, { conj_id: priority }, match]), steps),
    ),
  ];
}

/** Stateful: a packet that begins a connection has a flow of its own, which counts it. */
function acceptances(stateful: boolean, { accepted, pass }: Side): readonly Acceptance[] {
  if (!stateful) return [{ match: {}, steps: pass }];
  return (["+trk+new", "+trk+est"] as const).map((state) => ({
    match: { ct_state: ctState(state) },
    steps: [goto(accepted)],
  }));
}

const merge = (specs: readonly MatchSpec[]): MatchSpec => Object.assign({}, ...specs);

/** One of each list, in every way. */
function combinations(lists: readonly (readonly MatchSpec[])[]): readonly (readonly MatchSpec[])[] {
  return lists.reduce<readonly (readonly MatchSpec[])[]>(
    (all, list) => all.flatMap((some) => list.map((one) => [...some, one])),
    [[]],
  );
}
