import { readFileSync } from "node:fs";
import {
  chassisStatusKind,
  chassisTopic,
  encodeFields,
  endpointTopic,
  type NbRecord,
  portStatusKind,
  record,
  type Topic,
} from "@dragonflow/model";
import {
  type Change,
  connectRelay,
  type Lease,
  mintToken,
  newCommitId,
  Replica,
  type StoreDriver,
} from "@dragonflow/store";

const put = ({ topic, id, fields }: NbRecord): Change => ({ op: "put", topic, id, value: encodeFields(fields) });

export interface RelayAccess {
  readonly url: string;
  readonly secret: Uint8Array;
  readonly caFile: string;
}

/** What a controller does towards the servers, without a switch: holds its lease, reports, and reads what it may. */
export class FakeChassis {
  readonly name: string;
  readonly store: StoreDriver;
  readonly #replica: Replica;
  #lease: Lease | undefined;

  private constructor(name: string, store: StoreDriver) {
    this.name = name;
    this.store = store;
    this.#replica = new Replica({ watch: store.watch(), onBatch: () => undefined, mayShrink: () => true });
    this.#replica.add([chassisTopic(name), endpointTopic(name)]);
  }

  static async connect(name: string, { url, secret, caFile }: RelayAccess): Promise<FakeChassis> {
    const token = mintToken(secret, `chassis:${name}`);
    return new FakeChassis(name, await connectRelay(url, { token, ca: readFileSync(caFile) }));
  }
  /** Connected, alive, and introduced. */
  static async start(name: string, access: RelayAccess, ttlSeconds?: number): Promise<FakeChassis> {
    const chassis = await FakeChassis.connect(name, access);
    await chassis.live(ttlSeconds);
    await chassis.introduce("192.0.2.1");
    return chassis;
  }

  /** `ttlSeconds`: how long others believe in it after it died. */
  async live(ttlSeconds = 30): Promise<void> {
    this.#lease = await this.store.lease(`chassis/${this.name}`, { ttlSeconds, holder: `test ${this.name}` });
  }
  async introduce(tunnelIp: string): Promise<void> {
    const status = {
      id: this.name,
      hostname: `${this.name}.example`,
      tunnelIp,
      encapsulations: ["geneve"] as const,
      release: "test",
      startedAt: "2026-01-01T00:00:00Z",
      bridgeMappings: ["physnet1:br-ex"],
    };
    await this.write(put(record(chassisStatusKind, status)));
  }
  async claim(portId: string, up: boolean): Promise<void> {
    await this.write(put(record(portStatusKind, { id: portId, chassis: this.name, up, error: null })));
  }
  async unclaim(portId: string): Promise<void> {
    const { topic, id } = record(portStatusKind, { id: portId, chassis: this.name, up: false, error: null });
    await this.write({ op: "delete", topic, id });
  }
  async write(...changes: readonly Change[]): Promise<void> {
    await this.store.commit(newCommitId(), changes, []);
  }

  /** The holder of a port that this chassis was refused. */
  refusalOf(portId: string): string | undefined {
    return this.#field(chassisTopic(this.name), `claim-refusal/${portId}`, "holder");
  }
  /** Its own tunnel address, as others see it. */
  get endpoint(): string | undefined {
    return this.#field(endpointTopic(this.name), `endpoint/${this.name}`, "ip");
  }
  get hasLocalPorts(): boolean {
    return [...this.#replica.rows(chassisTopic(this.name))].some((row) => row.kind === "local-port");
  }

  /** Ends its lease at once, but not its connection. */
  async retire(): Promise<void> {
    await this.#lease?.[Symbol.asyncDispose]();
  }
  /** As a killed process would: the lease runs out. */
  async die(): Promise<void> {
    await this.#replica.close();
    await this.store.close();
  }

  #field(topic: Topic, id: string, name: string): string | undefined {
    for (const row of this.#replica.rows(topic)) if (`${row.kind}/${row.id}` === id) return String(row.row?.[name]);
    return undefined;
  }
}
