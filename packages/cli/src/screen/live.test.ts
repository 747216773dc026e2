import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { LivePicture } from "./live.ts";

/** A control sequence (ECMA-48 section 5.4), or one character. */
const TOKEN = /\p{Cc}\[[?\d;]*[A-Za-z]|[^]/gu;

/** As much of a terminal as the picture uses: rows that scroll, wrapped lines, cursor up, erase what is below, clear. */
class Screen {
  columns: number;
  rows: number;
  cursorShown = true;
  #lines: string[] = [""];
  #row = 0;
  #column = 0;
  /** Rows above this one have scrolled away: the cursor cannot go there. */
  #top = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): void {
    for (const [token] of text.matchAll(TOKEN)) this.#take(token);
  }
  get text(): string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  #take(token: string): void {
    const up = /^\[(\d+)A$/.exec(token.slice(1))?.[1];
    if (up !== undefined) this.#row = Math.max(this.#top, this.#row - Number(up));
    else if (token === "\r") this.#column = 0;
    else if (token === "\n") this.#down();
    else if (token === "\x1b[J") {
      this.#lines.length = this.#row + 1;
      this.#lines[this.#row] = (this.#lines[this.#row] ?? "").slice(0, this.#column);
    } else if (token === "\x1b[2J") this.#lines = this.#lines.map(() => "");
    else if (token === "\x1b[H") this.#row = this.#top;
    else if (token.startsWith("\x1b[?25")) this.cursorShown = token.endsWith("h");
    else if (token.startsWith("\x1b[?2026")) return;
    else if (token.startsWith("\x1b")) throw new Error(`a sequence that no test knows: ${JSON.stringify(token)}`);
    else this.#put(token);
  }
  #put(character: string): void {
    if (this.#column === this.columns) {
      this.#down();
      this.#column = 0;
    }
    const line = (this.#lines[this.#row] ?? "").padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
    this.#column++;
  }
  #down(): void {
    this.#row++;
    this.#lines[this.#row] ??= "";
    this.#top = Math.max(this.#top, this.#lines.length - this.rows);
  }
}

const wrapped = (lines: readonly string[], columns: number): string[] =>
  lines.flatMap((line) => (line === "" ? [""] : (line.match(new RegExp(`.{1,${columns}}`, "g")) ?? [])));

describe("the live picture", () => {
  test("is drawn again in its place, and what stood before it stays", () => {
    const screen = new Screen(20, 10);
    const picture = new LivePicture(screen);
    screen.write("$ dragonflow up\r\n");
    picture.draw(["one", "two", "three"]);
    assert.equal(screen.cursorShown, false);
    picture.draw(["uno", "a line that is wrapped, as it is long"]);
    picture.draw(["1", "2"]);
    picture.end();
    assert.deepEqual(screen.text, ["$ dragonflow up", "1", "2", ""]);
    assert.equal(screen.cursorShown, true);
  });

  test("whatever is drawn after whatever, the screen shows the last picture and nothing else", () => {
    const line = fc.stringMatching(/^[a-z]{0,30}$/);
    fc.assert(
      fc.property(fc.array(fc.array(line, { maxLength: 8 }), { minLength: 1, maxLength: 6 }), (pictures) => {
        const screen = new Screen(10, 40);
        const picture = new LivePicture(screen);
        for (const lines of pictures) picture.draw(lines);
        assert.deepEqual(screen.text, [...wrapped(pictures.at(-1) ?? [], 10), ""]);
      }),
    );
  });

  test("what a small window has no room for is left out, and said to be", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 12 }), fc.integer({ min: 1, max: 30 }), (rows, count) => {
        const screen = new Screen(40, rows);
        const picture = new LivePicture(screen);
        for (let i = 0; i < 3; i++) picture.draw(Array.from({ length: count }, (_, n) => `line ${n} of ${i}`));
        assert.ok(screen.text.length <= rows, screen.text.join("\n"));
        assert.equal(screen.text.includes(" … (a taller window shows more)"), count > rows - 1);
        assert.ok(screen.text.every((text) => !text.endsWith("of 1")));
      }),
    );
  });

  test("a terminal that does not know its size is taken for one of 80 by 24", () => {
    const { columns, room } = new LivePicture(new Screen(0, 0));
    assert.deepEqual([columns, room], [80, 23]);
  });

  test("begins anew when the window has another size", () => {
    const screen = new Screen(30, 10);
    const picture = new LivePicture(screen);
    picture.draw(["x".repeat(25), "old"]);
    screen.columns = 12;
    picture.resized();
    picture.draw(["new"]);
    assert.deepEqual(
      screen.text.filter((text) => text !== ""),
      ["new"],
    );
  });
});
