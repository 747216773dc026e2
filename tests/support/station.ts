/** Frames as they are, in and out of a VM's eth0: for what no well-behaved kernel would send, and to see what arrives. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { encodePacket, type LayersToEncode } from "@dragonflow/packet";
import { until } from "./until.ts";

const PROGRAM = join(import.meta.dirname, "station.py");
/** Without the frame check sequence (IEEE 802.3 section 3.2.7). */
const SHORTEST_FRAME = 60;

/** A frame as it goes over a wire: padded. */
export function frame(layers: LayersToEncode): Uint8Array {
  const bytes = encodePacket(layers);
  if (bytes.length >= SHORTEST_FRAME) return bytes;
  const padded = new Uint8Array(SHORTEST_FRAME);
  padded.set(bytes);
  return padded;
}

const hexadecimal = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export class Station implements AsyncDisposable {
  readonly #child: ReturnType<typeof start>;
  readonly #ended: Promise<unknown>;
  readonly #received: string[] = [];

  private constructor(child: ReturnType<typeof start>) {
    this.#child = child;
    this.#ended = once(child, "close");
  }

  /** @returns once frames are being received */
  static async open(namespace: string): Promise<Station> {
    const station = new Station(start(namespace));
    const lines = createInterface({ input: station.#child.stdout });
    const ready = once(lines, "line");
    const [first]: unknown[] = await ready;
    if (first !== "ready") throw new Error(`a station in ${namespace} said ${String(first)}`);
    lines.on("line", (line) => station.#received.push(line));
    return station;
  }

  send(bytes: Uint8Array): void {
    this.#child.stdin.write(`${hexadecimal(bytes)}\n`);
  }

  /** What came in so far, oldest first. */
  received(): Uint8Array[] {
    return this.#received.map((line) => Buffer.from(line, "hex"));
  }

  /** How often exactly this frame came in. */
  count(bytes: Uint8Array): number {
    const wanted = hexadecimal(bytes);
    return this.#received.filter((line) => line === wanted).length;
  }

  async sees(what: string, bytes: Uint8Array): Promise<void> {
    await until(`${what} arrives`, () => this.count(bytes) > 0, { deadlineMs: 10_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}

function start(namespace: string) {
  const argv = ["netns", "exec", namespace, "/usr/bin/python3", PROGRAM, "eth0"];
  return spawn("ip", argv, { stdio: ["pipe", "pipe", "inherit"] });
}
