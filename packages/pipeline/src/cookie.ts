import type { Owner } from "./desired.ts";

/**
 * A flow's cookie leads back to its owner: the app's number in the top 8 bits, then the first 56 bits of the object's UUID as they are (so that
 * `ovs-ofctl dump-flows` shows the first 14 hex digits of a port's id), or a hash where the object has a name instead of a UUID.
 */
const appNumbers = new Map<string, number>();
const appNames = new Map<number, string>();
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_BITS = 0xffffffffffffffn;

/** Numbers are part of what stands in the switch, so they are declared, never handed out by order of arrival. */
export const APP_NUMBERS = {
  classification: 1,
  "port-security": 2,
  arp: 3,
  nd: 4,
  dhcp: 5,
  l2: 6,
  l3: 7,
  tunnel: 8,
  ra: 9,
  "security-group": 10,
} as const satisfies Readonly<Record<string, number>>;
for (const [name, number] of Object.entries(APP_NUMBERS)) {
  appNumbers.set(name, number);
  appNames.set(number, name);
}

/** A unit makes many flows for one owner, one after another. */
let last: { readonly owner: Pick<Owner, "app" | "id">; readonly cookie: bigint } | undefined;

export function cookieOf(owner: Pick<Owner, "app" | "id">): bigint {
  if (last?.owner === owner) return last.cookie;
  const cookie = makeCookie(owner);
  last = { owner, cookie };
  return cookie;
}

function makeCookie(owner: Pick<Owner, "app" | "id">): bigint {
  const app = appNumbers.get(owner.app);
  if (app === undefined) throw new RangeError(`app ${owner.app} has no number in APP_NUMBERS`);
  return (BigInt(app) << 56n) | objectBits(owner.id);
}

/** The app's name and the 56 bits of the object that a cookie stands for; undefined where no app of ours has that number. */
export function readCookie(cookie: bigint): { readonly app: string; readonly object: bigint } | undefined {
  const app = appNames.get(Number(cookie >> 56n));
  return app === undefined ? undefined : { app, object: cookie & UUID_BITS };
}

export function objectBits(id: string): bigint {
  if (UUID.test(id)) return BigInt(`0x${id.slice(0, 8)}${id.slice(9, 13)}${id.slice(14, 16)}`);
  return fnv1a(id) & UUID_BITS;
}

/** FNV-1a, 64 bits: a name's hash has to be the same in every release. */
function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}
