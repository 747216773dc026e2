/** Where two normalized answers differ, as `path: ours instead of theirs`. Keys of `unknown` are left out of theirs. */
export function differences(
  ours: unknown,
  theirs: unknown,
  unknown: ReadonlySet<string>,
  path = "",
): readonly string[] {
  if (Array.isArray(ours) && Array.isArray(theirs) && ours.length === theirs.length)
    return theirs.flatMap((item, i) => differences(ours[i], item, unknown, `${path}/${i}`));
  if (isRecord(ours) && isRecord(theirs)) {
    const keys = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
    return [...keys].flatMap((key) => {
      if (unknown.has(key) && !Object.hasOwn(ours, key)) return [];
      return differences(ours[key], theirs[key], unknown, `${path}/${key}`);
    });
  }
  const [a, b] = [JSON.stringify(ours), JSON.stringify(theirs)];
  return a === b ? [] : [`${path}: ${a} instead of ${b}`];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
