import { sizeOr } from "./live.ts";
import { type Palette, paletteOf, widthOf } from "./palette.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
const FRAME_MS = 80;
/** From here on a step says that it goes on, and for how long. */
const PATIENCE_MS = 2_000;

export interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Tells how far a step has come: "4 of 6". */
export type Tell = (detail: string) => void;

/**
 * One line per step of something long. On a terminal the line lives until its step is done; on a pipe a step has a line when it is done, and one
 * more when it takes long.
 */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #palette: Palette;

  constructor(stream: ProgressStream = process.stderr) {
    this.#stream = stream;
    this.#palette = paletteOf(Object.assign(stream, { isTTY: stream.isTTY ?? false }));
  }

  /** @param work may return what to say in place of `label` when it is done. */
  async step<T>(label: string, work: (tell: Tell) => Promise<T>, done?: (result: T) => string): Promise<T> {
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    const line = this.#open(label, seconds);
    try {
      const result = await work(line.tell);
      line.close();
      this.#stream.write(
        `${this.#palette.good("✔")} ${done?.(result) ?? label}  ${this.#palette.dim(`${seconds().toFixed(1)} s`)}\n`,
      );
      return result;
    } catch (error) {
      line.close();
      this.#stream.write(`${this.#palette.bad("✖")} ${label}\n`);
      throw error;
    }
  }

  /** A line between steps. */
  note(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  #open(label: string, seconds: () => number): { readonly tell: Tell; close(): void } {
    return this.#stream.isTTY ? this.#spin(label, seconds) : this.#announce(label);
  }

  #spin(label: string, seconds: () => number): { readonly tell: Tell; close(): void } {
    let frame = 0;
    let detail = "";
    const draw = () => {
      const time = seconds() * 1000 < PATIENCE_MS ? "" : `  ${Math.floor(seconds())} s`;
      const text = `${FRAMES[frame++ % FRAMES.length]} ${label}${detail === "" ? "" : `  ${detail}`}${time}`;
      const room = sizeOr(this.#stream.columns, 80) - 1;
      this.#stream.write(`\r${widthOf(text) > room ? text.slice(0, room) : text}\x1b[K`);
    };
    draw();
    const timer = setInterval(draw, FRAME_MS);
    return {
      tell: (now) => {
        detail = now;
      },
      close: () => {
        clearInterval(timer);
        this.#stream.write("\r\x1b[K");
      },
    };
  }

  #announce(label: string): { readonly tell: Tell; close(): void } {
    let detail = "";
    const timer = setInterval(
      () => this.#stream.write(`… ${label}${detail === "" ? "" : `: ${detail}`}\n`),
      PATIENCE_MS * 2.5,
    );
    const first = setTimeout(
      () => this.#stream.write(`… ${label}${detail === "" ? "" : `: ${detail}`}\n`),
      PATIENCE_MS,
    );
    return {
      tell: (now) => {
        detail = now;
      },
      close: () => {
        clearInterval(timer);
        clearTimeout(first);
      },
    };
  }
}
