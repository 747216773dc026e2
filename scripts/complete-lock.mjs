/**
 * Completes package-lock.json after `npm install --package-lock-only`: `npm ci` insists on an entry for every optional platform package, also for
 * platforms that no mirror of ours carries and that Dragonflow does not run on. Each missing one gets an entry that never matches this platform.
 */
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (/^\d/.test(version)) lock.packages[key] ??= { version, optional: true, os: ["!linux"] };
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
