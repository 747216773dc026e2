/** What a live picture needs of a terminal; process.stdout is one. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
/** A terminal that knows it shows the whole picture at once; others ignore it. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";
const TO_LINE_END = "\x1b[K";
const TO_SCREEN_END = "\x1b[J";

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
    return Math.max(3, (this.#terminal.rows ?? 24) - 1);
  }

  draw(lines: readonly string[]): void {
    const shown =
      lines.length <= this.room ? lines : [...lines.slice(0, this.room - 1), "  … (a taller window shows more)"];
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    const body = shown.map((text) => `\r${text}${TO_LINE_END}\n`).join("");
    this.#terminal.write(`${BEGIN}${this.#started ? "" : HIDE_CURSOR}${up}${body}${TO_SCREEN_END}${END}`);
    this.#started = true;
    this.#drawn = shown.length;
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
