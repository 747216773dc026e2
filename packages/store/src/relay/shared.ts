import type { Topic } from "@dragonflow/model";
import type { Head, Row, TopicCommit } from "../contract.ts";
import { encodeServerFrame, type ServerFrame } from "./frames.ts";

/** A frame on its way to many: encoded once per watch number, which nearly all clients share. */
class Encoded {
  readonly #frameFor: (watch: number) => ServerFrame;
  readonly #bytes = new Map<number, Buffer>();

  constructor(frameFor: (watch: number) => ServerFrame) {
    this.#frameFor = frameFor;
  }
  bytesFor(watch: number): Buffer {
    const known = this.#bytes.get(watch);
    if (known !== undefined) return known;
    const bytes = Buffer.from(encodeServerFrame(this.#frameFor(watch)));
    this.#bytes.set(watch, bytes);
    return bytes;
  }
}

/** One topic's commit. */
export class SharedCommit extends Encoded {
  readonly commit: TopicCommit;
  constructor(commit: TopicCommit) {
    super((watch) => ({ type: "commit", watch, commit }));
    this.commit = commit;
  }
}

/** A part of a snapshot that fits one frame. */
export class SharedPage extends Encoded {
  constructor(topic: Topic, rows: readonly Row[], last: boolean) {
    super((watch) => ({ type: "page", watch, topic, rows, last }));
  }
}

/** A snapshot that was read once, and what was committed since. */
export interface SharedSnapshot {
  readonly head: Head;
  readonly pages: readonly SharedPage[];
  /** Goes on as long as `isFollowed`; may begin before `head`. */
  readonly commits: readonly SharedCommit[];
  readonly isFollowed: boolean;
}

/** What a frame of records weighs at most, about. */
const FRAME_BYTES = 256 * 1024;
const ROW_OVERHEAD_BYTES = 100;

export const weightOfRows = (rows: readonly Row[]): number =>
  rows.reduce((sum, row) => sum + ROW_OVERHEAD_BYTES + row.value.length, 0);

/** Cuts a page of records into parts that fit a frame each. */
export function* framesOf(page: readonly Row[]): Generator<readonly Row[]> {
  for (let start = 0; start < page.length; ) {
    let end = start;
    for (let bytes = 0; end < page.length && bytes < FRAME_BYTES; end++)
      bytes += ROW_OVERHEAD_BYTES + (page[end]?.value.length ?? 0);
    yield page.slice(start, end);
    start = end;
  }
}
