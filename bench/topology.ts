import { Engine, LOCAL, type RowChange } from "@dragonflow/engine";
import { chassisTopic } from "@dragonflow/model";
import { type Desired, desiredOutput } from "@dragonflow/pipeline";
import { APPS } from "@dragonflow/controller";
import { host, network, peer, port, router, SELF } from "@dragonflow/pipeline/testing";

export function newEngine(): Engine<Desired> {
  return new Engine({
    apps: APPS.map((app) => app.compile),
    output: desiredOutput,
    roots: (partition) => partition === LOCAL || partition === chassisTopic(SELF),
  });
}

/** Partitions of rows that come from the store, all of them arrived. */
export function arrived(
  rows: readonly RowChange[],
): readonly { readonly partition: string; readonly state: "current" }[] {
  return [...new Set(rows.map((row) => row.partition))]
    .filter((p) => p !== LOCAL)
    .map((partition) => ({ partition, state: "current" }));
}

/** Who has which identity: delivered only to hosts where a rule asks for it, and here none does. */
const isUnread = ({ partition }: RowChange): boolean => partition.startsWith("identity/");

/** A host with one VM in each of two routed networks, and `remote` ports elsewhere in the first: 10 flows each. */
export function oneHost(remote: number): readonly RowChange[] {
  const rows = [
    ...host(),
    ...peer("host2", 900),
    ...network({ n: 1, v4: "10.0.0.0/8" }),
    ...network({ n: 2 }),
    ...router(1, [1, 2]),
    ...port({ n: 1, network: 1 }),
    ...port({ n: 2, network: 2 }),
    ...Array.from({ length: remote }, (_, i) => port({ n: 16 + i, network: 1, chassis: "host2" })).flat(),
  ];
  return rows.filter((row) => !isUnread(row));
}
