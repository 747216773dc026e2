import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import type { WriteStream } from "node:tty";
import { type Lab, LabError, status } from "@dragonflow/lab";
import { ApiClient, ApiError } from "../api/client.ts";
import { agents, networks, ports } from "../api/resources.ts";
import { LivePicture, sizeOr } from "../screen/live.ts";
import { paletteOf } from "../screen/palette.ts";
import { FAMILIES, PingBoard } from "./ping-board.ts";
import { renderLab } from "./render.ts";
import type { LabView } from "./view.ts";

const REFRESH_MS = 1_000;
const LOOK_MS = 50;
/** On a pipe: how often a line says how it goes. */
const REPORT_SECONDS = 10;
const FIRST_ANSWERS_MS = 15_000;

/** A lab under observation: pings between all of its VMs, and what the API says of them. */
export class Watch {
  readonly #lab: Lab;
  readonly #ending: string;
  readonly #suffix: string;
  readonly #board: PingBoard;
  readonly #started = performance.now();
  /** What the API said last; it may be away for a while. */
  #known: Pick<LabView, "apiError"> & {
    readonly alive: ReadonlySet<string>;
    readonly networkOf: ReadonlyMap<string, string>;
    readonly statusOf: ReadonlyMap<string, string>;
  } = { alive: new Set(), networkOf: new Map(), statusOf: new Map(), apiError: null };

  /** @param ending the last line of the picture. @param labOption ` --lab NAME` where commands need it */
  constructor(lab: Lab, ending: string, labOption: string) {
    this.#lab = lab;
    this.#ending = ending;
    this.#suffix = labOption;
    this.#board = new PingBoard(lab);
  }

  /** A look at everything; pings follow what VMs there are. @throws {LabError} `unknown` once the lab is gone */
  async look(): Promise<LabView> {
    const { api, hosts, vms } = await status(this.#lab);
    await this.#board.follow(vms);
    await this.#ask(api);
    this.#board.tick();
    const { alive, networkOf, statusOf, apiError } = this.#known;
    return {
      lab: this.#lab.name,
      seconds: (performance.now() - this.#started) / 1000,
      hosts: hosts.map(({ name, chassis, state }) => ({
        name,
        state,
        alive: apiError === null ? alive.has(chassis) : null,
      })),
      vms: vms.map(({ name, host, port_id, addresses }) => ({
        name,
        host,
        network: networkOf.get(port_id) ?? "",
        status: statusOf.get(port_id) ?? "",
        addresses,
      })),
      pairs: this.#board.pairs(),
      totals: this.#board.totals(),
      api,
      apiError,
      suggestions: this.#suggestions(hosts, vms),
      ending: this.#ending,
    };
  }

  /** @returns whether all VMs have answered all others once, before the deadline and the signal */
  async allAnswered(tell: (detail: string) => void, signal: AbortSignal): Promise<boolean> {
    await this.#board.follow((await status(this.#lab)).vms);
    const deadline = performance.now() + FIRST_ANSWERS_MS;
    for (;;) {
      const { answered, pairs } = this.#board.answered();
      tell(`${answered} of ${pairs} pairs`);
      if (answered === pairs || signal.aborted || performance.now() > deadline) return answered === pairs;
      await pause(LOOK_MS);
    }
  }

  async stop(): Promise<void> {
    await this.#board.stop();
  }

  async #ask(url: string | null): Promise<void> {
    if (url === null) return;
    const api = new ApiClient(url);
    try {
      const [allAgents, allNetworks, allPorts] = await Promise.all([
        api.list(agents),
        api.list(networks),
        api.list(ports),
      ]);
      const nameOf = new Map(allNetworks.map(({ id, name }) => [id, name]));
      this.#known = {
        alive: new Set(allAgents.filter(({ alive }) => alive).map(({ host }) => host)),
        networkOf: new Map(allPorts.map(({ id, network_id }) => [id, nameOf.get(network_id) ?? ""])),
        statusOf: new Map(allPorts.map((port) => [port.id, port.status])),
        apiError: null,
      };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#known = { ...this.#known, apiError: error.message };
    }
  }

  #suggestions(hosts: readonly { name: string }[], vms: readonly { name: string; addresses: readonly string[] }[]) {
    const program = "bin/dragonflow";
    const [host] = hosts;
    const [first] = vms;
    const target = vms.at(-1)?.addresses[0];
    return [
      "openstack port list",
      ...(host === undefined ? [] : [`${program} flows --host ${host.name}${this.#suffix}`]),
      ...(first === undefined ? [] : [`${program} sg stats --port ${first.name}${this.#suffix}`]),
      ...(first === undefined || target === undefined
        ? []
        : [`${program} lab exec${this.#suffix} ${first.name} -- ping -c 3 ${target}`]),
    ];
  }
}

/** Prints the picture once. */
export function show(view: LabView, stream: WriteStream): void {
  const frame = { width: sizeOr(stream.columns, 100), height: Number.POSITIVE_INFINITY };
  stream.write(`${renderLab(view, frame, paletteOf(stream)).join("\n")}\n`);
}

/**
 * Shows the lab until the signal comes or the lab is gone: on a terminal as a picture that is drawn again in its place, on a pipe as one picture
 * and then a line now and then.
 * @returns whether the lab is gone
 */
export async function watchUntil(watch: Watch, signal: AbortSignal, stream: WriteStream): Promise<boolean> {
  const display = stream.isTTY ? livePicture(stream) : reports(stream);
  try {
    for (;;) {
      display.show(await watch.look());
      await pauseOrResize(stream, signal);
    }
  } catch (error) {
    if (signal.aborted) return false;
    if (error instanceof LabError && error.code === "unknown") return true;
    throw error;
  } finally {
    display.end();
  }
}

/** @throws when the signal comes */
async function pauseOrResize(stream: WriteStream, signal: AbortSignal): Promise<void> {
  const either = new AbortController();
  const options = { signal: AbortSignal.any([signal, either.signal]) };
  try {
    await Promise.race([pause(REFRESH_MS, undefined, options), once(stream, "resize", options)]);
  } finally {
    either.abort();
  }
}

interface Display {
  show(view: LabView): void;
  end(): void;
}

function livePicture(stream: WriteStream): Display {
  const picture = new LivePicture(stream);
  const palette = paletteOf(stream);
  const resized = () => picture.resized();
  stream.on("resize", resized);
  const end = () => {
    stream.off("resize", resized);
    picture.end();
  };
  // Whatever ends the process, the cursor comes back.
  process.once("exit", end);
  return {
    show: (view) => picture.draw(renderLab(view, { width: picture.columns, height: picture.room }, palette)),
    end,
  };
}

function reports(stream: WriteStream): Display {
  let next = 0;
  return {
    show(view) {
      if (view.seconds < next) return;
      if (next === 0) show(view, stream);
      else stream.write(`${reportLine(view)}\n`);
      next = view.seconds + REPORT_SECONDS;
    },
    end: () => undefined,
  };
}

function reportLine({ seconds, totals, hosts, vms }: LabView): string {
  const down = hosts.filter(({ state }) => state === "down").map(({ name }) => name);
  const pings = FAMILIES.flatMap((family) => totals.filter((total) => total.family === family)).map(
    ({ family, sent, lost, averageMs }) =>
      `IPv${family} ${sent} sent, ${lost} lost${averageMs === null ? "" : `, ${averageMs.toFixed(2)} ms`}`,
  );
  const trouble = down.length === 0 ? [] : [`down: ${down.join(", ")}`];
  return [`${Math.round(seconds)} s`, `${vms.length} VMs`, ...pings, ...trouble].join("; ");
}
