import type { Cells } from "./cells.ts";
import { partKey } from "./keys.ts";
import type { Patience } from "./patience.ts";

/** Left free in a cell, for what the database adds. */
const SPARE_BYTES = 1024;
const COUNT_BYTES = 2;

/** What one cell takes of a body that needs several. */
const shareOf = (cells: Cells): number => cells.traits.bytesPerCell - SPARE_BYTES;

/**
 * Writes bytes under a key that nobody else uses, into as many cells as they need: `count of cells:u16 | bytes` in the first, the rest under
 * `key.1` and so on, before it.
 */
export async function writeBody(cells: Cells, key: string, body: Uint8Array, patience: Patience): Promise<void> {
  const share = shareOf(cells);
  const count = Math.max(1, Math.ceil(body.length / share));
  const writeCell = (name: string, value: Uint8Array): Promise<unknown> =>
    // "moved": an attempt whose answer was lost had done it.
    patience.until(() => cells.write(name, value, "absent"));
  const rest = Array.from({ length: count - 1 }, (_, i) => i + 1);
  await Promise.all(rest.map((part) => writeCell(partKey(key, part), body.subarray(part * share, (part + 1) * share))));
  const countBytes = Buffer.alloc(COUNT_BYTES);
  countBytes.writeUInt16BE(count);
  await writeCell(key, Buffer.concat([countBytes, body.subarray(0, share)]));
}

/** undefined: it is not there, or not all of it any more. */
export async function readBody(cells: Cells, key: string): Promise<Uint8Array | undefined> {
  const first = await cells.read(key);
  if (first === undefined) return undefined;
  const value = Buffer.from(first.value.buffer, first.value.byteOffset, first.value.byteLength);
  const count = value.length < COUNT_BYTES ? 1 : value.readUInt16BE();
  if (count === 1) return value.subarray(COUNT_BYTES);
  const rest = await Promise.all(Array.from({ length: count - 1 }, (_, i) => cells.read(partKey(key, i + 1))));
  const parts: Uint8Array[] = [value.subarray(COUNT_BYTES)];
  for (const part of rest) {
    if (part === undefined) return undefined;
    parts.push(part.value);
  }
  return Buffer.concat(parts);
}

/** Nobody refers to it, or ever will. */
export async function removeBody(cells: Cells, key: string, length: number): Promise<void> {
  const count = Math.max(1, Math.ceil(length / shareOf(cells)));
  await cells.remove(key);
  await Promise.all(Array.from({ length: count - 1 }, (_, i) => cells.remove(partKey(key, i + 1))));
}
