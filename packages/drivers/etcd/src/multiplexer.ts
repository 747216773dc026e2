import type { Clock } from "@dragonflow/store";
import type { Span } from "./keys.ts";
import type { Link, WatchStream } from "./link.ts";
import type { WatchResponse } from "./wire/messages.ts";

/** How often the stream is asked where it is, and how often in vain before it counts as dead. */
const PROGRESS_MILLISECONDS = 4000;
const SILENT_ROUNDS = 3;

type Take = (response: WatchResponse) => Promise<void>;

/** All watches of one connection, on one stream: each is told by itself, one response after the other. */
export class Multiplexer {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #stream: WatchStream;
  readonly #takers = new Map<number, Take>();
  #lastId = 0;
  #silentRounds = 0;

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
    this.#stream = link.watch((response) => this.#take(response));
    this.#askForProgress();
  }

  /** @param from the first revision that is told. */
  add(span: Span, from: number, take: Take): number {
    const id = ++this.#lastId;
    this.#takers.set(id, take);
    this.#stream.send({ create: { id, ...span, from } });
    return id;
  }
  remove(id: number): void {
    if (this.#takers.delete(id)) this.#stream.send({ cancel: id });
  }

  async #take(response: WatchResponse): Promise<void> {
    this.#silentRounds = 0;
    const take = this.#takers.get(response.watchId);
    if (response.canceled) this.#takers.delete(response.watchId);
    await take?.(response);
  }

  /** A stream that is dead says nothing, and so does one where nothing happens: the answer to this tells them apart. */
  #askForProgress(): void {
    const cancel = this.#clock.after(PROGRESS_MILLISECONDS, () => {
      if (++this.#silentRounds > SILENT_ROUNDS) this.#link.lose(`${this.#link.endpoint}: the watches fell silent`);
      if (this.#link.lost.aborted) return;
      this.#stream.send({ progress: true });
      this.#askForProgress();
    });
    this.#link.lost.addEventListener("abort", cancel, { once: true });
  }
}
