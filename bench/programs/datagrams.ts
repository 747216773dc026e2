/**
 * Connections as conntrack counts them: datagrams from as many source ports, each answered. `serve PORT` answers; `connect ADDRESS PORT COUNT` asks,
 * and ends once all were answered.
 */
import { createSocket } from "node:dgram";

const [command, ...args] = process.argv.slice(2);
const AT_ONCE = 200;
const RETRY_MS = 200;
const MOST_RETRIES = 20;

function serve(port: number): void {
  const socket = createSocket("udp4");
  socket.on("message", (_, from) => socket.send("y", from.port, from.address));
  socket.bind(port, () => process.stdout.write("ready\n"));
}

function ask(address: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = createSocket("udp4");
    const send = (): void => socket.send("x", port, address);
    let retries = 0;
    const timer = setInterval(() => (retries++ < MOST_RETRIES ? send() : end(new Error("no answer"))), RETRY_MS);
    const end = (error?: Error): void => {
      clearInterval(timer);
      socket.close();
      if (error === undefined) done();
      else fail(error);
    };
    socket.once("message", () => end());
    socket.once("error", end);
    send();
  });
}

async function connect(address: string, port: number, count: number): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await ask(address, port);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
}

const [first = "", second = "", third = ""] = args;
if (command === "serve") serve(Number(first));
else if (command === "connect") await connect(first, Number(second), Number(third));
else throw new Error("serve PORT | connect ADDRESS PORT COUNT");
