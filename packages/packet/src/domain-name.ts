import { type Codec, EncodeError, type Reader } from "@dragonflow/wire";

/** A character per byte (ISO 8859-1). */
export function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Text of one byte per character (ISO 8859-1): any bytes survive. Up to the end of the enclosing structure. */
export const text: Codec<string> = {
  read: (r) => latin1(r.rest()),
  write(w, value, field) {
    for (let i = 0; i < value.length; i++) w.u8(value.charCodeAt(i), field);
  },
};

/**
 * A domain name in the form of RFC 1035 section 3.1, as text; a final dot is accepted and not kept, the root is the
 * empty text. Compression pointers are `unsupported`: RFC 8106 section 5.2 and RFC 8415 section 10 forbid them.
 */
export const domainName: Codec<string> = {
  read: (r) => readName(r),
  write(w, name, field) {
    const start = w.length;
    const labels = name.replace(/\.$/, "");
    for (const label of labels === "" ? [] : labels.split(".")) {
      if (label.length < 1 || label.length > 63) {
        throw new EncodeError("bad-value", field, `a label of ${label.length} characters in ${JSON.stringify(name)}`);
      }
      w.u8(label.length);
      text.write(w, label, field);
    }
    w.u8(0);
    if (w.length - start > 255) throw new EncodeError("too-long", field, `a name of ${w.length - start} bytes`);
  },
};

/**
 * Names up to the end of the enclosing structure, whose pointers (RFC 1035 section 4.1.4) count from its start (RFC
 * 3397 section 2). A pointer must point further back than the one that led to it, so that every chase ends. Written
 * without compression.
 */
export const compressedNames: Codec<string[]> = {
  read(r) {
    const start = r.offset;
    const names: string[] = [];
    while (!r.done) names.push(readName(r, start));
    return names;
  },
  write(w, names, field) {
    for (const name of names) domainName.write(w, name, field);
  },
};

/** @param base where pointers count from; without it there must be none. */
function readName(r: Reader, base?: number): string {
  const labels: string[] = [];
  let from: Reader = r;
  let limit = r.offset;
  let sizeBytes = 1;
  for (;;) {
    const length = from.u8("label length");
    if (length === 0) return labels.join(".");
    if (length >= 0xc0) {
      if (base === undefined) from.fail("a compressed domain name", "unsupported");
      const target = base + (((length & 0x3f) << 8) | from.u8("compression pointer"));
      if (target >= limit) from.fail("a compression pointer that does not point back");
      limit = target;
      from = r.fork(target);
      continue;
    }
    if (length > 63) from.fail(`a label type ${length >> 6}`);
    sizeBytes += length + 1;
    if (sizeBytes > 255) from.fail("a domain name of more than 255 bytes", "bad-length");
    const label = latin1(from.bytes(length, "label"));
    if (label.includes(".")) from.fail("a label with a dot, which text cannot tell from two");
    labels.push(label);
  }
}
