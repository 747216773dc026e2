/**
 * A server whose own writers compete with those of another process, which come over its relay. Prints "ready"; when its input ends, writes as the
 * first 25 of 50 writers, and prints how many guards it won. argv: FILE SOCKET GUARDS.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { serveRelay, verifyToken } from "@dragonflow/store";
import { openSqliteStore } from "../index.ts";
import { grabGuards } from "./guards.ts";
import { SECRET } from "./harnesses.ts";

const [, , file = "", socket = "", guards = ""] = process.argv;
const driver = await openSqliteStore({ file });
const listener = createServer();
serveRelay({ driver, listener, authorize: (token) => verifyToken(SECRET, token) });
listener.listen(socket);
await once(listener, "listening");
console.log("ready");
await once(process.stdin, "data");
const won = await grabGuards(driver, Number(guards), 0, 25);
console.log(JSON.stringify(won));
await once(process.stdin.resume(), "end");
process.exit(0);
