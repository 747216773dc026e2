import type { WriteStream } from "node:tty";
import { stripVTControlCharacters, styleText } from "node:util";

type Paint = (text: string) => string;

/** What a text means, not which colour it has. */
export interface Palette {
  readonly title: Paint;
  readonly strong: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly warning: Paint;
  readonly bad: Paint;
  readonly command: Paint;
}

const asIs: Paint = (text) => text;
export const PLAIN: Palette = {
  title: asIs,
  strong: asIs,
  dim: asIs,
  good: asIs,
  warning: asIs,
  bad: asIs,
  command: asIs,
};

const paint =
  (format: Parameters<typeof styleText>[0]): Paint =>
  (text) =>
    styleText(format, text, { validateStream: false });
export const COLOURS: Palette = {
  title: paint(["bold", "cyan"]),
  strong: paint("bold"),
  dim: paint("dim"),
  good: paint("green"),
  warning: paint("yellow"),
  bad: paint(["bold", "red"]),
  command: paint("cyan"),
};

/** styleText knows what a stream can show, and what NO_COLOR and FORCE_COLOR say of it. */
export function paletteOf(stream: Pick<WriteStream, "isTTY"> & NodeJS.WritableStream): Palette {
  return styleText("red", "-", { stream }) === "-" ? PLAIN : COLOURS;
}

/** Columns that a text takes on a terminal; names here are of one-column characters. */
export const widthOf = (text: string): number => stripVTControlCharacters(text).length;

/** A name from elsewhere, fit to print: it must not move the cursor or colour the screen. */
export const printable = (text: string): string => stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, "\u{fffd}");

/** To exactly so many columns: filled with spaces, or cut with an ellipsis. A text to be cut must not be painted yet. */
export function fit(text: string, width: number, align: "left" | "right" = "left"): string {
  const excess = widthOf(text) - width;
  if (excess > 0) return width < 1 ? "" : `${text.slice(0, width - 1)}…`;
  const space = " ".repeat(-excess);
  return align === "left" ? text + space : space + text;
}

export const counted = (n: number, one: string, several = `${one}s`): string => `${n} ${n === 1 ? one : several}`;
