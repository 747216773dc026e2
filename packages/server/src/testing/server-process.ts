/**
 * A server in a process of its own: settings in, addresses out, as JSON; ends well on SIGTERM, and at once with
 * whoever started it.
 */
import { startServer } from "../server.ts";

const server = await startServer(JSON.parse(process.argv[2] ?? "{}"));
process.stdin.on("end", () => process.exit(1)).resume();
process.once("SIGTERM", () => void server.close().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ apiUrl: server.apiUrl, relayUrl: server.relayUrl })}\n`);
