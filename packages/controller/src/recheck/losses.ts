import { type Allowance, type IdentityPolicy, lost, type TrackedPort } from "./policy.ts";

/** What was compiled anew. Undefined: it is not there any more. */
export interface RecheckChanges {
  readonly ports: readonly (readonly [portId: string, TrackedPort | undefined])[];
  readonly policies: readonly (readonly [identity: number, IdentityPolicy | undefined])[];
}

/** What a port without groups is allowed. */
const NO_GROUP: IdentityPolicy = { type: "identity-policy", key: "", identity: 0, allows: [] };

/** The ports, and what each was allowed when it was last known. */
export class Losses {
  readonly #policies = new Map<number, IdentityPolicy>([[NO_GROUP.identity, NO_GROUP]]);
  readonly #ports = new Map<string, { readonly port: TrackedPort; policy: IdentityPolicy | undefined }>();

  get portIds(): Iterable<string> {
    return this.#ports.keys();
  }
  port(id: string): TrackedPort | undefined {
    return this.#ports.get(id)?.port;
  }

  /** @returns of each port that has lost something, what it was allowed and is not now. Who goes and comes back begins anew. */
  changed({ ports, policies }: RecheckChanges): ReadonlyMap<string, readonly Allowance[]> {
    for (const [portId, port] of ports) {
      if (port === undefined) this.#ports.delete(portId);
      else this.#ports.set(portId, { port, policy: this.#ports.get(portId)?.policy });
    }
    for (const [identity, policy] of policies) {
      if (policy === undefined) this.#policies.delete(identity);
      else this.#policies.set(identity, policy);
    }
    return ports.length + policies.length === 0 ? new Map() : this.#compare();
  }

  /** A policy that is not known yet leaves a port with the one that it had, as it leaves its flows. */
  #compare(): ReadonlyMap<string, readonly Allowance[]> {
    const losses = new Map<string, readonly Allowance[]>();
    // Ports that had one identity and have one now have lost the same.
    const known = new Map<IdentityPolicy, Map<IdentityPolicy, readonly Allowance[]>>();
    for (const [portId, tracked] of this.#ports) {
      const { port, policy: before } = tracked;
      const now = this.#policies.get(port.identity);
      if (now === undefined || now === before) continue;
      tracked.policy = now;
      if (before === undefined) continue;
      const gone = known.getOrInsertComputed(before, () => new Map()).getOrInsertComputed(now, () => lost(before, now));
      if (gone.length > 0) losses.set(portId, gone);
    }
    return losses;
  }
}
