/**
 * Records what a real Neutron answers: `node packages/neutron-api/src/testing/record-neutron.ts http://127.0.0.1:9696`. The server must be new (ids
 * are replaced, but lists are compared whole), run with `auth_strategy = noauth`, and have the plug-ins and extension drivers named in
 * {@link SERVER}.
 */
import { writeFileSync } from "node:fs";
import { runCalls, type Send } from "../comparison/call.ts";
import { ALL_CALLS } from "../comparison/calls.ts";

const SERVER =
  "neutron 21.0.0 (Zed), ml2, service plugins router, network_ip_availability, tag, timestamp, revisions; extension drivers port_security, dns; a mechanism driver that binds every port as ovs";

const [, , server] = process.argv;
if (server === undefined) throw new Error("usage: record.ts http://HOST:PORT");

const send: Send = async (method, path, body, headers) => {
  const response = await fetch(server + path, { method, headers, ...(body !== undefined && { body }) });
  return { status: response.status, text: await response.text() };
};
const outcomes = await runCalls(ALL_CALLS, send);
const file = new URL("../recordings/neutron.json", import.meta.url);
const lines = outcomes.map((outcome) => JSON.stringify(outcome));
writeFileSync(file, `{"server": ${JSON.stringify(SERVER)}, "outcomes": [\n${lines.join(",\n")}\n]}\n`);
process.stdout.write(`${outcomes.length} calls recorded\n`);
