import type { Outbox, Outgoing } from "./outbox.ts";

/** At most so many in one step; the rest of the outbox is for those who ask. */
const AT_ONCE = 16;
const STEP_MS = 100;

interface Subject {
  readonly packets: () => readonly Outgoing[];
  readonly everySeconds: number | undefined;
  /** It has no more to say once it has spoken. */
  readonly isOver: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Packets that nobody asked for: at once when a subject is new or has changed, then now and then, each at its own time. A thousand that are due
 * together take some seconds.
 */
export class Announcer {
  readonly #outbox: Pick<Outbox, "isOpen" | "room" | "send">;
  readonly #sent: (count: number) => void;
  readonly #subjects = new Map<string, Subject>();
  readonly #due = new Set<string>();
  #step: NodeJS.Timeout | undefined;

  constructor(outbox: Pick<Outbox, "isOpen" | "room" | "send">, sent: (count: number) => void) {
    this.#outbox = outbox;
    this.#sent = sent;
  }

  /** New, or another one than before. @param everySeconds undefined: once only, and once on each connection. */
  declare(key: string, everySeconds: number | undefined, packets: () => readonly Outgoing[]): void {
    this.#add(key, { packets, everySeconds, isOver: false, timer: undefined });
  }
  /** Said once, on this connection or the next. */
  say(key: string, packets: readonly Outgoing[]): void {
    this.#add(key, { packets: () => packets, everySeconds: undefined, isOver: true, timer: undefined });
  }
  forget(key: string): void {
    clearTimeout(this.#subjects.get(key)?.timer);
    this.#subjects.delete(key);
    this.#due.delete(key);
  }

  /** There is a connection: what is said once only may be unknown on its other side. */
  opened(): void {
    for (const [key, { everySeconds }] of this.#subjects) if (everySeconds === undefined) this.#due.add(key);
    this.#advance();
  }

  #add(key: string, subject: Subject): void {
    this.forget(key);
    this.#subjects.set(key, subject);
    this.#due.add(key);
    this.#advance();
  }

  #advance(): void {
    if (this.#step !== undefined || this.#due.size === 0 || !this.#outbox.isOpen) return;
    if (this.#outbox.room >= AT_ONCE) this.#send();
    this.#step = setTimeout(() => {
      this.#step = undefined;
      this.#advance();
    }, STEP_MS);
  }

  #send(): void {
    let left = AT_ONCE;
    for (const key of this.#due) {
      if (left <= 0) return;
      this.#due.delete(key);
      const subject = this.#subjects.get(key);
      if (subject === undefined) continue;
      const packets = subject.packets();
      left -= packets.length;
      this.#sent(this.#outbox.send(packets));
      if (subject.isOver) this.#subjects.delete(key);
      if (subject.everySeconds !== undefined) this.#schedule(key, subject, subject.everySeconds);
    }
  }

  #schedule(key: string, subject: Subject, everySeconds: number): void {
    subject.timer = setTimeout(
      () => {
        this.#due.add(key);
        this.#advance();
      },
      everySeconds * 1000 * (0.75 + Math.random() / 4),
    );
  }
}
