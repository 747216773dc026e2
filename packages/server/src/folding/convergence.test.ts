import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqliteStore } from "@dragonflow/driver-sqlite";
import {
  chassisStatusKind,
  chassisTopic,
  encodeFields,
  type NbRecord,
  type PortObject,
  portStatusKind,
  record,
  recordId,
  statusTopic,
  topic,
} from "@dragonflow/model";
import { agentId, createApi, Engine } from "@dragonflow/neutron-api";
import { type Change, type Lease, newCommitId, type StoreDriver } from "@dragonflow/store";
import fc from "fast-check";
import { pino } from "pino";
import { eventually } from "../testing/scratch.ts";
import { type Claim, foldPort } from "./fold.ts";
import { Folding } from "./folding.ts";

/**
 * The whole of folding against an in-memory store: whatever happened before, in whatever order, it comes to rest
 * where the pure fold of the final state says, and it writes no more than what happened can have changed.
 */
const CHASSIS = ["a", "b", "c"] as const;
const PORTS = [0, 1, 2, 3] as const;
const MARKER_CHASSIS = "marker";

type Step =
  | { readonly do: "claim"; readonly chassis: string; readonly port: number; readonly says: "up" | "down" | "nothing" }
  | { readonly do: "live"; readonly chassis: string; readonly alive: boolean }
  | { readonly do: "request"; readonly port: number; readonly host: string };

const chassis = fc.constantFrom(...CHASSIS);
const port = fc.constantFrom(...PORTS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      chassis,
      port,
      says: fc.constantFrom("up", "up", "down", "nothing"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("live" as const), chassis, alive: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("request" as const), port, host: fc.constantFrom("", ...CHASSIS) }),
  },
);

const put = ({ topic: at, id, fields }: NbRecord): Change => ({
  op: "put",
  topic: at,
  id,
  value: encodeFields(fields),
});

/** A store, its folding, and what is true in it now. */
class World {
  readonly driver: StoreDriver;
  readonly engine: Engine;
  readonly #folding: Folding;
  readonly #leases = new Map<string, Lease>();
  readonly #claims = new Map<string, "up" | "down">();
  readonly ids: string[] = [];
  #marker = "";
  /** What may have changed each port, so far: it bounds its revision. */
  readonly causes = new Map<string, number>();

  private constructor(driver: StoreDriver) {
    this.driver = driver;
    this.engine = new Engine(driver);
    this.#folding = new Folding({ engine: this.engine, driver, log: pino({ level: "silent" }), holder: undefined });
  }

  static async make(): Promise<World> {
    const world = new World(await openSqliteStore({ file: ":memory:" }));
    const app = createApi(world.engine);
    const post = async (name: string, fields: object): Promise<string> => {
      const answer = await app.inject({
        method: "POST",
        url: `/v2.0/${name}s`,
        body: JSON.stringify({ [name]: fields }),
      });
      return answer.json()[name].id;
    };
    const network_id = await post("network", {});
    for (const _ of PORTS) world.ids.push(await post("port", { network_id }));
    for (const id of world.ids) world.causes.set(id, 1);
    world.#marker = await post("port", { network_id });
    for (const name of [...CHASSIS, MARKER_CHASSIS]) {
      await world.apply({ do: "live", chassis: name, alive: true });
      const status = {
        id: name,
        hostname: name,
        tunnelIp: "192.0.2.1",
        encapsulations: ["geneve"] as const,
        release: "",
        startedAt: "",
        bridgeMappings: [],
      };
      await world.commit(put(record(chassisStatusKind, status)));
      await eventually("its agent", () => world.engine.state.agents.get(agentId(name)) !== undefined);
    }
    return world;
  }

  async commit(change: Change): Promise<void> {
    await this.driver.commit(newCommitId(), [change], []);
  }

  async report({ chassis: name, isUp }: Pick<Claim, "chassis" | "isUp">, id: string): Promise<void> {
    await this.commit(put(record(portStatusKind, { id, chassis: name, up: isUp, error: null })));
  }
  /** A port of its own, reported by a chassis of its own, becomes this. */
  async mark(status: "ACTIVE" | "DOWN"): Promise<void> {
    await this.report({ chassis: MARKER_CHASSIS, isUp: status === "ACTIVE" }, this.#marker);
    await eventually("the marker shows", async () => (await this.portOf(this.#marker)).status === status);
  }

  async apply(step: Step): Promise<void> {
    switch (step.do) {
      case "claim": {
        const id = this.ids[step.port]!;
        this.#cause(id, 1);
        if (step.says === "nothing") this.#claims.delete(`${step.chassis} ${id}`);
        else this.#claims.set(`${step.chassis} ${id}`, step.says);
        if (step.says !== "nothing") await this.report({ chassis: step.chassis, isUp: step.says === "up" }, id);
        else
          await this.commit({ op: "delete", topic: statusTopic(step.chassis), id: recordId(portStatusKind.kind, id) });
        break;
      }
      case "live": {
        for (const id of this.ids) this.#cause(id, 1);
        const lease = this.#leases.get(step.chassis);
        if (step.alive === (lease !== undefined)) break;
        this.#leases.delete(step.chassis);
        if (lease === undefined)
          this.#leases.set(step.chassis, await this.driver.lease(`chassis/${step.chassis}`, { ttlSeconds: 60 }));
        else await lease[Symbol.asyncDispose]();
        break;
      }
      case "request": {
        const id = this.ids[step.port]!;
        this.#cause(id, 2);
        await this.engine.transact((tx) => {
          const found = tx.ports.get(id)!;
          tx.ports.put(tx.revise(found, { requested_host_id: step.host, host_id: step.host }));
        });
        break;
      }
      default:
        step satisfies never;
    }
  }

  claimsOf(id: string): readonly Claim[] {
    return CHASSIS.flatMap((name) => {
      const says = this.#claims.get(`${name} ${id}`);
      return says === undefined ? [] : [{ chassis: name, isAlive: this.#leases.has(name), isUp: says === "up" }];
    });
  }
  /** Who is told that somebody else has the port, and who that is: `b: a has it`. */
  async refusedOf(id: string): Promise<readonly string[]> {
    const rows = await Promise.all(
      CHASSIS.map((name) => this.driver.get(chassisTopic(name), recordId("claim-refusal", id))),
    );
    return CHASSIS.flatMap((name, i) => {
      const value = rows[i]?.value;
      return value === undefined ? [] : [`${name}: ${JSON.parse(Buffer.from(value).toString()).holder} has it`];
    });
  }
  async portOf(id: string): Promise<PortObject> {
    return (await this.engine.read()).ports.get(id)!;
  }

  /** Everything is what the pure fold makes of it. */
  async isSettled(): Promise<boolean> {
    for (const id of this.ids) {
      const shown = await this.portOf(id);
      const folded = foldPort(shown, this.claimsOf(id));
      if (shown.host_id !== folded.host_id || shown.status !== folded.status) return false;
      const refused = folded.refused.map((name) => `${name}: ${folded.host_id} has it`);
      if (String(await this.refusedOf(id)) !== String(refused)) return false;
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#folding.close();
    await this.engine.close();
    await this.driver.close();
  }

  #cause(id: string, count: number): void {
    this.causes.set(id, (this.causes.get(id) ?? 0) + count);
  }
}

test("any history ends where the pure fold of its final state is, with a bounded number of writes", async () => {
  const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(batches, async (history) => {
      const world = await World.make();
      try {
        // What is in one batch happens at once; a lease is taken and given back in order, so one chassis's steps are.
        for (const batch of history)
          await Promise.all(
            Map.groupBy(batch, (each) => (each.do === "request" ? each.port : each.chassis))
              .values()
              .map(async (steps) => {
                for (const each of steps) await world.apply(each);
              }),
          );
        await eventually("it comes to rest", () => world.isSettled());
        for (const id of world.ids) {
          const shown = await world.portOf(id);
          const claims = world.claimsOf(id);
          const namesOf = (of: readonly Claim[]): string[] => of.map((claim) => claim.chassis);
          const living = namesOf(claims.filter((claim) => claim.isAlive));
          // Where none of them lives, the one that had it last keeps it.
          const fitting = living.length === 0 ? ["", ...namesOf(claims)] : living;
          if (shown.requested_host_id !== "") assert.equal(shown.host_id, shown.requested_host_id);
          else assert.ok(fitting.includes(shown.host_id), `${shown.host_id} of ${fitting.join()}`);
          assert.ok(shown.revision_number <= (world.causes.get(id) ?? 0), "one update per cause at most");
        }
        await staysAtRest(world);
      } finally {
        await world.close();
      }
    }),
    { numRuns: 40 },
  );
});

/** Reports that say the same again cause no write, and no write causes another. */
async function staysAtRest(world: World): Promise<void> {
  const state = async () => {
    const ports = await Promise.all(world.ids.map((id) => world.portOf(id)));
    return { ports, notes: await world.driver.head(topic("refs", "folding")) };
  };
  const before = await state();
  for (const id of world.ids) for (const claim of world.claimsOf(id)) await world.report(claim, id);
  // What is reported later is folded later: after two more rounds, all of the above has been.
  await world.mark("ACTIVE");
  await world.mark("DOWN");
  assert.deepEqual(await state(), before);
}
