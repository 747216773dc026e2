import { setTimeout as pause } from "node:timers/promises";
import { APPS, pipeline } from "@dragonflow/controller";
import {
  explain,
  ExplainError,
  explanationJson,
  explanationLines,
  familyOf,
  type Explanation,
  type Leg,
  liveLeg,
  type LiveLeg,
  liveLines,
  parseFrame,
  parseService,
  type Question,
  rulesLines,
  type SwitchCheck,
  type Vocabulary,
  whyNot,
  whyNotLines,
  World,
} from "@dragonflow/explain";
import { type Connection, TraceError } from "@dragonflow/pipeline";
import { ApiClient } from "../api/client.ts";
import { CliError, EXIT } from "../errors.ts";
import { objectNames } from "../introspection/object-names.ts";
import { findControllers } from "../introspection/socket.ts";
import { openStore } from "../introspection/store.ts";
import { print, printJson, warn } from "../output.ts";
import { paletteOf } from "../screen/palette.ts";
import { ReachedHosts } from "../trace/hosts.ts";
import { Directory, placeOf } from "../trace/places.ts";
import { topicsOf } from "../trace/topics.ts";

export interface TraceOptions {
  readonly sourcePort?: number;
  readonly sourceAddress?: string;
  readonly frame?: string;
  readonly lab?: string;
  readonly config?: string;
  readonly socket?: string;
  readonly api?: string;
  readonly flows: boolean;
  readonly whyNot: boolean;
  /** Seconds. */
  readonly live?: number;
  readonly json: boolean;
}

const PROGRAM = { apps: APPS, pipeline } as const;
/** 0: it passes; 1: it does not; 2: it was not said right; 3: those who were asked do not agree. */
const DISAGREES = 3;

export async function trace(from: string, to: string, service: string, options: TraceOptions): Promise<void> {
  try {
    await run(from, to, service, options);
  } catch (error) {
    if (error instanceof ExplainError)
      throw new CliError(error.message, error.code === "bad-question" ? EXIT.usage : EXIT.failed, { cause: error });
    if (error instanceof TraceError)
      throw new CliError(`it cannot be followed: ${error.message}`, EXIT.failed, { cause: error });
    throw error;
  }
}

async function run(from: string, to: string, service: string, options: TraceOptions): Promise<void> {
  const { lab, config, socket } = options;
  const url = await apiOf(options);
  const [directory, names, reached] = await Promise.all([
    Directory.read(new ApiClient(url)),
    objectNames(url),
    ReachedHosts.find({ ...(lab === undefined ? {} : { lab }), ...(socket === undefined ? {} : { socket }) }),
  ]);
  const question = questionOf(directory, from, to, service, options);
  await using store = await openStore({
    ...(lab === undefined ? {} : { lab }),
    ...(config === undefined ? {} : { config }),
  });
  const world = new World(topicsOf(store.driver));
  const ends = [question.source, ...(question.destination.place === undefined ? [] : [question.destination.place])];
  const circumstances = {
    facts: reached.facts,
    // Of one that shall be down nobody knows.
    isPlugged: (id: string) => directory.port(id)?.status !== "DOWN" || directory.port(id)?.admin_state_up === false,
    known: await reached.connections(ends),
  };
  const explanation = await explain(PROGRAM, world, question, circumstances);
  const switches = await reached.compare(world, explanation.legs, connectionAt(explanation));
  const responders = new Map(APPS.flatMap((app) => app.responders.map(({ number, name }) => [number, name])));
  const words = { world, names, responders };
  process.exitCode = exitCodeOf(explanation, switches);
  const remedy =
    options.whyNot && !explanation.passes
      ? await whyNot(PROGRAM, { world, question, circumstances }, explanation)
      : undefined;
  const live = options.live === undefined ? [] : await watched(words, reached, explanation.legs, options.live);
  if (options.json)
    return printJson({ ...explanationJson(words, explanation, switches), whyNot: remedy ?? null, live });
  show(words, explanation, switches, options);
  if (live.length > 0) print(["", ...liveLines(live)].join("\n"));
  if (remedy !== undefined) print(["", ...whyNotLines(words, remedy)].join("\n"));
  for (const silence of reached.silent) warn(silence);
}

/** What really goes this way, for so many seconds. Nothing is sent, and no flow added: the flows that are there count. */
async function watched(
  words: Vocabulary,
  reached: ReachedHosts,
  legs: readonly Leg[],
  seconds: number,
): Promise<readonly LiveLeg[]> {
  const before = await reached.counts(legs);
  warn(`watching for ${seconds} s: send it now`);
  await pause(seconds * 1000);
  const after = await reached.counts(legs);
  return legs.flatMap((leg) => {
    const [first, last] = [before.get(leg), after.get(leg)];
    return first === undefined || last === undefined ? [] : [liveLeg(words, leg, first, last)];
  });
}

async function apiOf({ api, lab, socket }: TraceOptions): Promise<string> {
  const known =
    api ??
    (await findControllers({ ...(lab === undefined ? {} : { lab }), ...(socket === undefined ? {} : { socket }) })).api;
  if (known === undefined) throw new CliError("ports are found by the API: give --api, or set OS_ENDPOINT", EXIT.usage);
  return known;
}

function questionOf(
  directory: Directory,
  from: string,
  to: string,
  service: string,
  { sourcePort, sourceAddress, frame }: TraceOptions,
): Question {
  const source = directory.find(from);
  const { port, ip } = directory.findOrAddress(to, source.network_id);
  if (sourceAddress !== undefined) familyOf(sourceAddress);
  return {
    source: placeOf(source),
    destination: { place: port && placeOf(port), ip },
    service: parseService(service),
    sourcePort,
    sourceIp: sourceAddress,
    frame: frame === undefined ? undefined : parseFrame(frame),
  };
}

/** A host asks the zone of the sender where the packet begins, else that of the receiver. */
const connectionAt =
  ({ question, connections }: Explanation) =>
  ({ entry }: Leg): Connection => {
    const port = entry.type === "port" ? question.source.id : question.destination.place?.id;
    return connections.get(port ?? "") ?? { state: "new" };
  };

function exitCodeOf({ passes, rules }: Explanation, switches: readonly SwitchCheck[]): number {
  if (!rules.every(({ agrees }) => agrees) || !switches.every(({ agrees }) => agrees)) return DISAGREES;
  return passes ? EXIT.done : EXIT.failed;
}

function show(
  words: Vocabulary,
  explanation: Explanation,
  switches: readonly SwitchCheck[],
  { flows }: TraceOptions,
): void {
  const palette = paletteOf(process.stdout);
  const lines = explanationLines(words, explanation, { flows });
  const verdict = lines.at(-1) ?? "";
  print([...lines.slice(0, -1), (explanation.passes ? palette.good : palette.bad)(verdict), ""].join("\n"));
  for (const line of rulesLines(words, explanation)) print(line);
  for (const { chassis, agrees, detail } of switches)
    print(
      `switch of ${chassis}: ${agrees ? `ofproto/trace agrees, ${detail}` : palette.bad(`OFPROTO/TRACE DIFFERS: ${detail}`)}`,
    );
  for (const [port, count] of explanation.alike)
    if (count > 0)
      print(
        palette.dim(
          `${count} such connections of other source ports are tracked for ${words.names.get(port) ?? port}: --source-port follows one`,
        ),
      );
}
