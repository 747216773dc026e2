import { createHmac, timingSafeEqual } from "node:crypto";

/** Who holds a token: a server may do all, an operator look and ask, a chassis what its own name allows. */
export type Subject = "server" | "operator" | `chassis:${string}`;

export function isSubject(text: string): text is Subject {
  return text === "server" || text === "operator" || /^chassis:[\w.-]{1,200}$/.test(text);
}

function signatureOf(secret: string | Uint8Array, subject: string): Buffer {
  return createHmac("sha256", secret).update(`dragonflow relay token 1\n${subject}`).digest();
}

/** `v1.<subject, base64url>.<HMAC-SHA256, base64url>`: says who its bearer is, for as long as the secret is in use. */
export function mintToken(secret: string | Uint8Array, subject: Subject): string {
  if (!isSubject(subject)) throw new RangeError(`not a subject: ${String(subject)}`);
  const name = Buffer.from(subject).toString("base64url");
  return `v1.${name}.${signatureOf(secret, subject).toString("base64url")}`;
}

/** The subject of a token that was made with this secret; undefined for any other text. Compares in constant time. */
export function verifyToken(secret: string | Uint8Array, token: string): Subject | undefined {
  const [kind, name, signature, ...rest] = token.split(".");
  if (kind !== "v1" || name === undefined || signature === undefined || rest.length > 0) return undefined;
  const subject = Buffer.from(name, "base64url").toString();
  const given = Buffer.from(signature, "base64url");
  const right = signatureOf(secret, subject);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  return isSubject(subject) ? subject : undefined;
}
