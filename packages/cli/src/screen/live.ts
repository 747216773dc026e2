import { fit, widthOf } from "./palette.ts";

/** What a live picture needs of a terminal; process.stdout is one. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** A terminal that does not know its size (a serial line, some pipes) says 0. */
export const sizeOr = (size: number | undefined, standard: number): number =>
  size === undefined || size === 0 ? standard : size;

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
/** A terminal that knows it shows the whole picture at once; others ignore it. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";
const ERASE_BELOW = "\x1b[J";

/**
 * A picture of some lines that is drawn again in its place. It uses no second screen: what was shown last stays readable when the program has ended.
 */
export class LivePicture {
  readonly #terminal: Terminal;
  #drawn = 0;
  #started = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Lines that fit: what would scroll away could not be drawn again. */
  get room(): number {
    return Math.max(3, sizeOr(this.#terminal.rows, 24) - 1);
  }

  draw(lines: readonly string[]): void {
    const shown = this.#thatFit(lines);
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    const body = shown.map((text) => `${text}\r\n`).join("");
    this.#terminal.write(`${BEGIN}${this.#started ? "" : HIDE_CURSOR}${up}\r${ERASE_BELOW}${body}${END}`);
    this.#started = true;
    this.#drawn = shown.reduce((rows, text) => rows + this.#rowsOf(text), 0);
  }

  #thatFit(lines: readonly string[]): readonly string[] {
    const all = lines.reduce((rows, text) => rows + this.#rowsOf(text), 0);
    if (all <= this.room) return lines;
    let rows = 1;
    const more = lines.findIndex((text) => (rows += this.#rowsOf(text)) > this.room);
    return [...lines.slice(0, more), fit(" … (a taller window shows more)", this.columns - 1).trimEnd()];
  }

  get columns(): number {
    return Math.max(2, sizeOr(this.#terminal.columns, 80));
  }
  /** A long line is wrapped, not cut: it may be a command to copy. */
  #rowsOf(text: string): number {
    return Math.max(1, Math.ceil(widthOf(text) / this.columns));
  }

  /** The terminal has another size: old lines may have wrapped, so the next picture begins on an empty screen. */
  resized(): void {
    if (this.#started) this.#terminal.write("\x1b[2J\x1b[H");
    this.#drawn = 0;
  }

  /** Leaves the picture as it is, and gives the cursor back. */
  end(): void {
    if (this.#started) this.#terminal.write(SHOW_CURSOR);
    this.#started = false;
    this.#drawn = 0;
  }
}
