/** A server: the store in FILE, its relay on the Unix socket SOCKET. Prints "ready"; ends with its input. argv: FILE SOCKET. */
import { once } from "node:events";
import { createServer } from "node:http";
import { serveRelay, verifyToken } from "@dragonflow/store";
import { openSqliteStore } from "../index.ts";
import { SECRET } from "./harnesses.ts";

const [, , file = "", socket = ""] = process.argv;
const driver = await openSqliteStore({ file });
const listener = createServer();
serveRelay({ driver, listener, authorize: (token) => verifyToken(SECRET, token) });
listener.listen(socket);
await once(listener, "listening");
process.stdin.on("end", () => process.exit(0)).resume();
console.log("ready");
