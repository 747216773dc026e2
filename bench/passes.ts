/** What `ovs-appctl dpctl/dump-flows` says of the datapath, line by line. */

/** Megaflows of IPv4, which the connections are of: IPv6 is what VMs say by themselves, now and then. */
export function megaflows(dump: readonly string[]): number {
  return ipv4Flows(dump).length;
}

/** How often a packet goes through the datapath at most: once, and once more for each recirculation on its way. */
export function datapathPasses(dump: readonly string[]): number {
  const next = new Map<string, Set<string>>();
  for (const flow of ipv4Flows(dump)) {
    const at = /recirc_id\((\w+)\)/.exec(flow)?.[1] ?? "0";
    const found = next.get(at) ?? new Set();
    for (const [, id] of flow.replace(/^.*actions:/, "").matchAll(/recirc\((\w+)\)/g))
      if (id !== undefined) found.add(id);
    next.set(at, found);
  }
  const depth = (id: string, seen: ReadonlySet<string>): number =>
    1 +
    Math.max(
      0,
      ...[...(next.get(id) ?? [])].filter((to) => !seen.has(to)).map((to) => depth(to, new Set([...seen, to]))),
    );
  return depth("0", new Set(["0"]));
}

function ipv4Flows(dump: readonly string[]): readonly string[] {
  return dump.filter((line) => /eth_type\(0x0800\)/.test(line));
}
