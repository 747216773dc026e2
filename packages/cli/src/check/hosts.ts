import { APPS, pipeline } from "@dragonflow/controller";
import { compileHost, ExplainError, type Host, type World } from "@dragonflow/explain";
import { shapes } from "@dragonflow/model";
import { OwnerDigests } from "@dragonflow/pipeline";
import { CliError } from "../errors.ts";
import type { Respondents } from "../introspection/respondents.ts";
import type { Difference } from "./difference.ts";

const { flag, integer, list, nullable, object, oneOf, text } = shapes;
const owner = object({ app: text, kind: text, id: text });

const driftShape = object({
  inSync: flag,
  differences: list(
    object({
      problem: oneOf("missing", "surplus", "different"),
      type: oneOf("flow", "group", "meter"),
      what: text,
      owner: nullable(owner),
      detail: text,
    }),
  ),
  digests: texts(),
});
const factsShape = object({
  interfaces: list(object({ id: text, ofport: integer(), name: text })),
  tunnels: list(object({ id: text, chassis: text, encapsulation: oneOf("geneve", "vxlan"), ofport: integer() })),
});
const statusShape = object({
  chassis: text,
  lostPorts: list(text),
  pending: list(object({ owner: object({ app: text, id: text }) })),
  conflicts: list(object({ key: text, owners: list(object({ app: text, id: text })) })),
  faults: list(object({ owner: object({ app: text, id: text }), error: text })),
  audit: object({ differences: integer() }),
});

function texts(): shapes.Shape<Readonly<Record<string, string>>> {
  return {
    describe: "texts by name",
    parse: (value, path) => {
      const entries = Object.entries(typeof value === "object" && value !== null ? value : {});
      return Object.fromEntries(entries.map(([name, each]) => [name, text.parse(each, `${path}.${name}`)]));
    },
  };
}

/** What a controller says of its host; `error`: why it says nothing. */
export interface HostReport {
  readonly chassis: string;
  readonly said:
    | {
        readonly drift: shapes.Infer<typeof driftShape>;
        readonly facts: shapes.Infer<typeof factsShape>;
        readonly status: shapes.Infer<typeof statusShape>;
      }
    | undefined;
  readonly error: string | undefined;
}

export async function askHost(respondents: Respondents, chassis: string): Promise<HostReport> {
  try {
    const [drift, facts, status] = await Promise.all([
      respondents.ask(chassis, "/drift", driftShape),
      respondents.ask(chassis, "/facts", factsShape),
      respondents.ask(chassis, "/status", statusShape),
    ]);
    return { chassis, said: { drift, facts, status }, error: undefined };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { chassis, said: undefined, error: error.message };
  }
}

/** The flows of a host as they follow from the store's records, with what its controller says of its interfaces where it says something. */
export async function compiledHost(
  world: World,
  chassis: string,
  report: HostReport | undefined,
  isPlugged: (portId: string) => boolean,
): Promise<Host> {
  try {
    return await compileHost({ apps: APPS, pipeline }, world, chassis, report?.said?.facts, isPlugged);
  } catch (error) {
    if (!(error instanceof ExplainError)) throw error;
    throw new CliError(error.message, undefined, { cause: error });
  }
}

/** Of one host: its switch against its controller, its controller against the store. */
export function hostDifferences({ chassis: host, said, error }: HostReport, compiled: Host | undefined): Difference[] {
  if (said === undefined)
    return [{ where: "host", host, problem: "silent", what: "controller", owner: null, detail: error ?? "" }];
  const { drift, status } = said;
  const of = (problem: string, what: string, detail: string): Difference => {
    return { where: "host", host, problem, what, owner: null, detail };
  };
  return [
    ...(drift.inSync ? [] : [of("out of step", "switch", "what is desired is not all in the switch yet")]),
    ...drift.differences.map(
      ({ problem, type, what, owner: wanted, detail }): Difference => ({
        where: "switch",
        host,
        problem,
        detail,
        what: `${type} ${what}${wanted === null ? "" : ` (${wanted.app})`}`,
        owner: wanted === null ? null : { kind: wanted.kind, id: wanted.id },
      }),
    ),
    ...status.lostPorts.map((id) =>
      of("lost", `port ${id}`, "it is plugged in here, and the store seems to have lost it"),
    ),
    ...status.pending.map(({ owner: { app, id } }) => of("pending", `${app} ${id}`, "it waits for records")),
    ...status.conflicts.map(({ key, owners }) =>
      of("conflict", key, `${owners.map(({ app, id }) => `${app} ${id}`).join(" and ")} claim it; neither has it`),
    ),
    ...status.faults.map((fault) => of("fault", `${fault.owner.app} ${fault.owner.id}`, fault.error)),
    ...(status.audit.differences === 0
      ? []
      : [
          of(
            "audit",
            "controller",
            `${status.audit.differences} times what it holds was not what a compile from scratch gives`,
          ),
        ]),
    ...(compiled === undefined ? [] : compileDifferences(host, drift.digests, compiled)),
  ];
}

/** Whose flows the controller has compiled otherwise than the store's records say. */
function compileDifferences(
  host: string,
  digests: Readonly<Record<string, string>>,
  compiled: Host,
): readonly Difference[] {
  const own = new OwnerDigests();
  for (const desired of compiled.desired) own.add(desired);
  const fromStore = own.toObject();
  return [...new Set([...Object.keys(digests), ...Object.keys(fromStore)])]
    .filter((key) => digests[key] !== fromStore[key])
    .sort()
    .map((key): Difference => {
      const [app = "", kind = "", ...id] = key.split(" ");
      const [problem, detail] =
        digests[key] === undefined
          ? ["missing", "the controller has nothing of it, and the store's records say it should"]
          : fromStore[key] === undefined
            ? ["surplus", "the controller has flows of it that the store's records do not give"]
            : ["different", "the controller has compiled it otherwise than the store's records give"];
      return { where: "host", host, problem, what: app, owner: { kind, id: id.join(" ") }, detail };
    });
}
