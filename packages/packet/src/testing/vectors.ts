import { readFileSync } from "node:fs";

/** Bytes that another implementation made, and what tshark reads in them. */
export interface Vector {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** tshark's field names and values, several values with commas between. */
  readonly fields: ReadonlyMap<string, string>;
}

/** The blocks `== name`, `field value` ..., `hex`, bytes; see make.py. */
function read(file: string): Vector[] {
  const blocks = readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8")
    .split(/^== /m)
    .slice(1);
  return blocks.map((block) => {
    const [head = "", hex = ""] = block.split(/^hex$/m);
    const [name = "", ...lines] = head.trim().split("\n");
    const fields = lines.map((line): [string, string] => {
      const space = line.indexOf(" ");
      return [line.slice(0, space), line.slice(space + 1)];
    });
    return { name, bytes: new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex")), fields: new Map(fields) };
  });
}

export const vectors: readonly Vector[] = [...read("scapy.txt"), ...read("linux.txt")];

/** @throws where there is no such vector: a misspelt name is a defect of the test. */
export function vector(name: string): Uint8Array {
  const found = vectors.find((v) => v.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found.bytes;
}
