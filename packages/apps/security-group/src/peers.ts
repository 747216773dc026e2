import type { Read } from "@dragonflow/engine";
import { addressGroupTopic, type SecurityRule, securityGroupTopic } from "@dragonflow/model";
import { parseIp } from "@dragonflow/packet";
import { addressGroups, groupIdentities, isIpv6, type MatchSpec } from "@dragonflow/pipeline";
import type { Side } from "./sides.ts";

/** What a rule says of the other end, as matches of which any will do. None: it allows nothing. */
export function peersOf(rule: SecurityRule, side: Side, read: Read): readonly MatchSpec[] {
  const { ipVersion, remoteGroupId, remotePrefix, remoteAddressGroupId } = rule;
  if (remoteGroupId !== null) {
    // One for each set of groups, however many ports have it.
    const identities = read.rows(groupIdentities, securityGroupTopic(remoteGroupId));
    return identities.map(({ identity }) => ({ [side.peer]: identity }));
  }
  const prefixes = prefixesOf(remotePrefix, remoteAddressGroupId, read);
  if (prefixes === undefined) return [{}];
  return disjoint(prefixes.filter((prefix) => isIpv6(prefix) === (ipVersion === 6))).map((prefix) =>
    prefix.endsWith("/0") ? {} : { [side.address[ipVersion]]: prefix },
  );
}

/** Undefined: any address. */
function prefixesOf(prefix: string | null, addressGroup: string | null, read: Read): readonly string[] | undefined {
  if (prefix !== null) return [prefix];
  if (addressGroup === null) return undefined;
  return read.row(addressGroups, addressGroupTopic(addressGroup), addressGroup)?.addresses ?? [];
}

interface Range {
  readonly prefix: string;
  readonly first: bigint;
  readonly last: bigint;
}

/** Prefixes of one family, without those that are part of another, in order. */
export function disjoint(prefixes: readonly string[]): readonly string[] {
  const ranges = prefixes.map(rangeOf).sort((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  let end = -1n;
  return ranges.flatMap(({ prefix, last }) => {
    if (last <= end) return [];
    end = last;
    return [prefix];
  });
}
const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function rangeOf(prefix: string): Range {
  const [address = "", length] = prefix.split("/");
  const bits = isIpv6(prefix) ? 128 : 32;
  const size = 1n << BigInt(bits - (length === undefined ? bits : Number(length)));
  const first = (BigInt(parseIp(address)) / size) * size;
  return { prefix, first, last: first + size - 1n };
}
