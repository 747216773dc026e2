/**
 * A prefix with its host bits cut; an address as it is.
 * @param text an address or `address/length` in canonical text (RFC 5952 for IPv6).
 * @returns canonical text.
 */
export function networkOf(text: string): string {
  const [address = "", length] = text.split("/");
  if (length === undefined) return text;
  const isIpv6 = address.includes(":");
  const [units, bits] = isIpv6 ? [unitsOf(address), 16] : [address.split(".").map(Number), 8];
  const network = units.map(
    (unit, i) => unit & ~((2 ** bits - 1) >> Math.min(bits, Math.max(0, Number(length) - i * bits))),
  );
  return `${isIpv6 ? formatUnits(network) : network.join(".")}/${length}`;
}

/** The eight groups of 16 bits. RFC 4291 section 2.2. */
function unitsOf(address: string): readonly number[] {
  const read = (part: string | undefined) =>
    part === undefined || part === ""
      ? []
      : part.split(":").flatMap((unit) => (unit.includes(".") ? quads(unit) : Number.parseInt(unit, 16)));
  const [head, tail] = address.split("::");
  const [first, last] = [read(head), read(tail)];
  return tail === undefined ? first : [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}
/** The dotted end of an address that has one. */
function quads(text: string): readonly number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split(".").map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** The first of the longest runs of two zeros or more becomes `::`. RFC 5952 section 4.2. */
function formatUnits(units: readonly number[]): string {
  let best = { at: 0, length: 1 };
  let at = 0;
  for (const [i, unit] of units.entries()) {
    if (unit !== 0) at = i + 1;
    else if (i + 1 - at > best.length) best = { at, length: i + 1 - at };
  }
  const text = (some: readonly number[]) => some.map((unit) => unit.toString(16)).join(":");
  if (best.length < 2) return text(units);
  return `${text(units.slice(0, best.at))}::${text(units.slice(best.at + best.length))}`;
}
