import { StoreCorrupt } from "../errors.ts";
import { ProtocolError } from "../relay/json.ts";

/**
 * What a cell holds: `length of the header:u32 | header, JSON | blobs, one after the other`. The header says how long each blob is, so values
 * are kept as the bytes that they are.
 */
export function encodeFrame(header: unknown, blobs: readonly Uint8Array[] = []): Uint8Array {
  const head = Buffer.from(JSON.stringify(header), "utf8");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, ...blobs]);
}

/** Takes blobs off the end of a frame, in the order in which they were put there. */
export type TakeBlob = (length: number) => Uint8Array;

/** @throws {StoreCorrupt} naming the key, where it is not such a frame. */
export function decodeFrame<T>(key: string, bytes: Uint8Array, read: (header: unknown, take: TakeBlob) => T): T {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    let at = 4 + (buffer.length < 4 ? 0 : buffer.readUInt32BE());
    if (buffer.length < at) throw new ProtocolError("it ends early");
    const header: unknown = JSON.parse(buffer.toString("utf8", 4, at));
    return read(header, (length) => {
      const end = at + length;
      if (end > buffer.length) throw new ProtocolError("it ends early");
      const blob = buffer.subarray(at, end);
      at = end;
      return blob;
    });
  } catch (cause) {
    if (cause instanceof ProtocolError || cause instanceof SyntaxError)
      throw new StoreCorrupt(`${key}: ${cause.message}`, { cause });
    throw cause;
  }
}
