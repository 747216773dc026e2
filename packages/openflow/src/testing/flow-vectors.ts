import { readFileSync } from "node:fs";

/** A flow as ovs-ofctl was given it and made bytes of it. */
export interface FlowVector {
  readonly given: string;
  /** We write the same bytes. */
  readonly same: boolean;
  /** As ovs-ofctl prints it. */
  readonly printed: string;
  /** ofp_match without its padding. */
  readonly match: Uint8Array;
  readonly instructions: Uint8Array;
}

/** Reads `vectors/flows.txt`, in its order. */
export function readFlowVectors(): FlowVector[] {
  const file = readFileSync(new URL("../vectors/flows.txt", import.meta.url), "utf8");
  const vectors: FlowVector[] = [];
  for (const [, mark, given = "", printed = "", match = "", instructions = ""] of file.matchAll(
    /^([=~]) (.*)\n {2}(.*)\n {2}([0-9a-f]+) ([0-9a-f]+|-)$/gm,
  )) {
    vectors.push({
      given,
      same: mark === "=",
      printed,
      match: Buffer.from(match, "hex"),
      instructions: Buffer.from(instructions === "-" ? "" : instructions, "hex"),
    });
  }
  return vectors;
}
