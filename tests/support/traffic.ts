/** Programs in VMs that talk to each other: who gets an answer, and streams that go on until something ends them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { spawnRecorded } from "@dragonflow/lab";
import type { Cloud, Vm } from "./cloud.ts";
import { until } from "./until.ts";

const PYTHON = "/usr/bin/python3";
const PROGRAM = join(import.meta.dirname, "traffic.py");
/** Longer than TCP waits before it asks again (RFC 6298 section 2), so that a lost packet is not taken for a closed port. */
const PATIENCE_SECONDS = 1.3;

export interface Ports {
  readonly tcp?: readonly number[];
  readonly udp?: readonly number[];
  readonly sctp?: readonly number[];
}
/** `silence`: no answer came, and nobody said why. */
export type Answer = "answer" | "refused" | "silence";

/** Starts echo servers in a VM. @returns once they listen */
export async function serve(cloud: Cloud, { name, namespace }: Vm, ports: Ports): Promise<void> {
  const argv = [PYTHON, PROGRAM, "serve", JSON.stringify(ports)] as const;
  const { logFile } = await spawnRecorded(cloud.lab, { name: `serve-${name}`, argv: [...argv], netns: namespace });
  await cloud.until(`${name} listens`, () => readFileSync(logFile, "utf8").includes("ready"));
}

const IPV4_AND_6 = ["ipv4", "ipv6"] as const;
export type Family = (typeof IPV4_AND_6)[number];

/**
 * `tcp 22`, `udp 53`, `udp 53 size 4000`, `sctp 22`, `icmp` (echo, of either family), `icmp size 4000`, `icmp type 13 code 0`.
 * An SCTP server is anybody that {@link serve} was asked for.
 */
export type Service = string;

function probeOf(address: string, service: Service): object {
  const [protocol, ...words] = service.split(" ");
  const port = /^\d+$/.test(words[0] ?? "") ? { port: Number(words.shift()) } : {};
  const rest: Record<string, number> = {};
  for (let i = 0; i < words.length; i += 2) rest[words[i] ?? ""] = Number(words[i + 1]);
  return { protocol, address, ...port, ...rest };
}

export interface Question {
  readonly from: Vm;
  readonly to: readonly Vm[];
  readonly services: readonly Service[];
  readonly families?: readonly Family[];
}

/** Asks everything at once. @returns how each was answered, by what was asked: `client -> far ipv4 tcp 22` */
export async function ask(cloud: Cloud, questions: readonly Question[]): Promise<ReadonlyMap<string, Answer>> {
  const all = await Promise.all(
    questions.map(async ({ from, to, services, families = IPV4_AND_6 }) => {
      const asked = to.flatMap((target) =>
        families.flatMap((family) =>
          services.map((service) => ({
            name: `${from.name} -> ${target.name} ${family} ${service}`,
            probe: probeOf(target[family], service),
          })),
        ),
      );
      const probes = JSON.stringify(asked.map(({ probe }) => probe));
      const { status, stdout, stderr } = await cloud.exec(
        from,
        PYTHON,
        PROGRAM,
        "probe",
        probes,
        `${PATIENCE_SECONDS}`,
      );
      if (status !== 0) throw new Error(`probes from ${from.name}: ${stderr}`);
      const answers = JSON.parse(stdout) as Answer[];
      return asked.map(({ name }, i) => [name, answers[i] ?? "silence"] as const);
    }),
  );
  return new Map(all.flat());
}

/** What was not answered like this. */
export async function exceptions(cloud: Cloud, wanted: Answer, questions: readonly Question[]): Promise<string[]> {
  const answers = await ask(cloud, questions);
  return [...answers].flatMap(([name, answer]) => (answer === wanted ? [] : [`${name}: ${answer}`]));
}

/** Waits until all of it is answered: a change takes its time to reach the hosts. */
export async function passes(cloud: Cloud, ...questions: readonly Question[]): Promise<void> {
  let last: string[] = [];
  await until(
    "everything that is allowed is answered",
    async () => (last = await exceptions(cloud, "answer", questions)).length === 0,
    { deadlineMs: 15_000, explain: async () => `${last.join("\n")}\n${await cloud.complaints()}` },
  );
}

/** How many of the last ticks, of 10 ms, are looked at. */
const TICKS = 30;

/** Messages every 10 ms over one connection, there and back, or back only. */
export class Stream implements AsyncDisposable {
  readonly #child: ReturnType<typeof start>;
  readonly #ended: Promise<unknown>;
  readonly #name: string;
  /** By tick: messages sent and received until then. */
  readonly #ticks: (readonly [number, number])[] = [];

  /** @param mode `push`: after a first message only the server sends */
  static async open(
    from: Vm,
    to: Vm,
    {
      protocol,
      port,
      mode,
      family = "ipv4",
    }: {
      readonly protocol: "tcp" | "udp";
      readonly port: number;
      readonly mode: "echo" | "push";
      readonly family?: Family;
    },
  ): Promise<Stream> {
    const name = `${protocol} ${mode}, ${family}, ${from.name} -> ${to.name}`;
    const stream = new Stream(start(from.namespace, [protocol, to[family], `${port}`, mode]), name);
    await stream.flows();
    return stream;
  }

  private constructor(child: ReturnType<typeof start>, name: string) {
    this.#child = child;
    this.#name = name;
    this.#ended = once(child, "close");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [sent = 0, received = 0] = line.split(" ").map(Number);
      this.#ticks.push([sent, received]);
    });
  }

  /** Waits until messages arrive that were sent after the call. */
  async flows(): Promise<void> {
    const before = this.#ticks.length;
    const isFlowing = () => this.#since(before).some((received) => received > 0);
    await until(`${this.#name} flows`, isFlowing, { deadlineMs: 20_000 });
  }

  /** Waits until nothing has come for a while. */
  async ends(): Promise<void> {
    const start = this.#ticks.length;
    await until(`${this.#name} ends`, () => this.#isSilent(start), { deadlineMs: 10_000 });
  }

  /** Whether messages came in each of the last ticks but a few. */
  async goesOn(): Promise<void> {
    const start = this.#ticks.length;
    await until(`${this.#name} ticks`, () => this.#ticks.length >= start + TICKS);
    if (this.#isSilent(start)) throw new Error(`${this.#name} has ended`);
  }

  #since(tick: number): number[] {
    return this.#ticks.slice(tick).map(([, received], i) => received - (this.#ticks[tick + i - 1]?.[1] ?? 0));
  }
  #isSilent(from: number): boolean {
    const last = this.#since(Math.max(from, this.#ticks.length - TICKS));
    return last.length >= TICKS && last.every((received) => received === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }
}

function start(namespace: string, args: readonly string[]) {
  const argv = ["netns", "exec", namespace, PYTHON, PROGRAM, "stream", ...args];
  return spawn("ip", argv, { stdio: ["ignore", "pipe", "inherit"] });
}
