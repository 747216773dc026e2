import { readFileSync } from "node:fs";

/** A message as another program sent it. */
export interface Vector {
  /** The command that was run. */
  readonly command: string;
  readonly bytes: Uint8Array;
  /** The first line of what ofp-print says of it. */
  readonly text: string;
}

/** Reads `vectors/messages.txt`, in its order. */
export function readMessageVectors(): Vector[] {
  const vectors: Vector[] = [];
  const file = readFileSync(new URL("../vectors/messages.txt", import.meta.url), "utf8");
  for (const [, command = "", hex = "", text = ""] of file.matchAll(
    /^# (ovs-ofctl .*)\n[<>] ([0-9a-f]+)\n {2}(.*)$/gm,
  )) {
    vectors.push({ command, bytes: Buffer.from(hex, "hex"), text });
  }
  return vectors;
}
