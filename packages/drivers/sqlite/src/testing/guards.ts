import { topic } from "@dragonflow/model";
import { commitWithRetry, type StoreDriver } from "@dragonflow/store";
import { port, put } from "@dragonflow/store/conformance";

export const GUARDS = topic("refs", "addresses");
export const OWNERS = topic("refs", "owners");

/** Writers `from` up to `to`: each tries every guard, in an order of its own. Returns those that they won. */
export async function grabGuards(
  driver: StoreDriver,
  guards: number,
  from: number,
  to: number,
): Promise<readonly number[]> {
  async function grab(writer: number): Promise<readonly number[]> {
    const won: number[] = [];
    for (let i = 0; i < guards; i++) {
      const guard = (i * 7 + writer * 37) % guards;
      const result = await commitWithRetry(
        driver,
        [put(GUARDS, port(guard), String(writer)), put(OWNERS, port(`${writer}-${guard}`), "{}")],
        [{ kind: "absent", topic: GUARDS, id: port(guard) }],
      );
      if (result.ok) won.push(guard);
    }
    return won;
  }
  const all = await Promise.all(Array.from({ length: to - from }, (_, i) => grab(from + i)));
  return all.flat();
}
