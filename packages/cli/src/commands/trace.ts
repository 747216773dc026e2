import { APPS, pipeline } from "@dragonflow/controller";
import {
  explain,
  ExplainError,
  explanationJson,
  explanationLines,
  familyOf,
  type Explanation,
  lastSeen,
  type Leg,
  liveLines,
  parseFrame,
  parseService,
  type Question,
  rulesLines,
  sentLines,
  type SwitchCheck,
  type Vocabulary,
  whyNot,
  whyNotLines,
  World,
} from "@dragonflow/explain";
import { Engine } from "@dragonflow/neutron-api";
import { type Connection, TraceError } from "@dragonflow/pipeline";
import { ApiClient } from "../api/client.ts";
import { CliError, EXIT } from "../errors.ts";
import { Respondents } from "../introspection/respondents.ts";
import { type OpenStore, openStore, type StoreSelection } from "../introspection/store.ts";
import { print, printJson, warn } from "../output.ts";
import { paletteOf } from "../screen/palette.ts";
import { TracedHosts } from "../trace/hosts.ts";
import { endsOf, type Live, marked, send, wait } from "../trace/live.ts";
import { apiDirectory, type Directory, findPort, findPortOrAddress, placeOf, storeDirectory } from "../trace/places.ts";
import { topicsOf } from "../trace/topics.ts";

export interface TraceOptions extends StoreSelection {
  readonly sourcePort?: number;
  readonly sourceAddress?: string;
  readonly frame?: string;
  readonly socket?: string;
  readonly api?: string;
  readonly flows: boolean;
  readonly whyNot: boolean;
  readonly live: boolean;
  /** Seconds. */
  readonly wait?: number;
  readonly json: boolean;
}

const PROGRAM = { apps: APPS, pipeline } as const;
/** 0: it passes; 1: it does not; 2: it was not said right; 3: those who were asked do not agree. */
const DISAGREES = 3;

export async function trace(from: string, to: string, service: string, options: TraceOptions): Promise<void> {
  if (options.wait !== undefined && !options.live) throw new CliError("--wait goes with --live", EXIT.usage);
  try {
    await using store = await openStore(options);
    await using respondents = await Respondents.open(store, options);
    await run(store, respondents, { from, to, service }, options);
  } catch (error) {
    if (error instanceof ExplainError)
      throw new CliError(error.message, error.code === "bad-question" ? EXIT.usage : EXIT.failed, { cause: error });
    if (error instanceof TraceError)
      throw new CliError(`it cannot be followed: ${error.message}`, EXIT.failed, { cause: error });
    throw error;
  }
}

interface Asked {
  readonly from: string;
  readonly to: string;
  readonly service: string;
}

async function run(store: OpenStore, respondents: Respondents, asked: Asked, options: TraceOptions): Promise<void> {
  const directory = await directoryOf(store, options.api ?? respondents.api);
  const hosts = new TracedHosts(respondents, store.driver);
  const said = await questionOf(directory, asked, options);
  const world = new World(topicsOf(store.driver));
  const known = await hosts.connections(endsOf(said));
  const question = options.live && options.wait === undefined ? marked(said, known) : said;
  const circumstances = {
    facts: (chassis: string) => hosts.facts(chassis),
    isPlugged: (id: string) => hosts.isPlugged(id),
    known,
  };
  const explanation = await explain(PROGRAM, world, question, circumstances);
  const switches = await hosts.compare(world, explanation.legs, connectionAt(explanation));
  const names = await directory.names(portsIn(explanation));
  const responders = new Map(APPS.flatMap((app) => app.responders.map(({ number, name }) => [number, name])));
  const words = { world, names, responders };
  process.exitCode = exitCodeOf(explanation, switches);
  const remedy =
    options.whyNot && !explanation.passes
      ? await whyNot(PROGRAM, { world, question, circumstances }, explanation)
      : undefined;
  const live = options.live ? await liveOf(words, hosts, explanation, options.wait) : undefined;
  if (options.json)
    printJson({ ...explanationJson(words, explanation, switches), whyNot: remedy ?? null, ...liveJson(live) });
  else {
    show(words, explanation, switches, options);
    if (live !== undefined) showLive(words, live);
    if (remedy !== undefined) print(["", ...whyNotLines(words, remedy)].join("\n"));
  }
  for (const silence of hosts.silent) warn(silence);
}

async function directoryOf({ driver }: OpenStore, api: string | undefined): Promise<Directory> {
  if (api !== undefined) return apiDirectory(new ApiClient(api));
  const engine = new Engine(driver);
  try {
    return storeDirectory(await engine.read());
  } finally {
    await engine.close();
  }
}

/** Ports that words are about. */
const portsIn = ({ question, legs }: Explanation): readonly string[] => [
  question.source.id,
  ...(question.destination.place === undefined ? [] : [question.destination.place.id]),
  ...legs.flatMap(({ endings }) => endings.flatMap((one) => (one.type === "delivered" ? [one.portId] : []))),
];

async function liveOf(
  words: Vocabulary,
  hosts: TracedHosts,
  explanation: Explanation,
  seconds: number | undefined,
): Promise<Live> {
  return seconds === undefined ? send(words, hosts, explanation) : wait(words, hosts, explanation, seconds);
}

function liveJson(live: Live | undefined): object {
  if (live === undefined) return { live: [], sent: null };
  const { legs, sent } = live;
  return { live: legs, sent: sent === undefined ? null : { ...sent, lastSeen: lastSeen(legs, sent.copies) ?? null } };
}

function showLive(words: Vocabulary, { legs, sent }: Live): void {
  if (legs.length > 0) print(["", ...liveLines(legs, sent?.copies)].join("\n"));
  if (sent !== undefined) print(["", ...sentLines(words, legs, sent)].join("\n"));
  else if (legs.length === 0)
    print("\nnothing was sent or counted: no packet like this leaves its source, or the host was not reached");
}

async function questionOf(
  directory: Directory,
  { from, to, service }: Asked,
  { sourcePort, sourceAddress, frame }: TraceOptions,
): Promise<Question> {
  const source = await findPort(directory, from);
  const { port, ip } = await findPortOrAddress(directory, to, source.network_id);
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
