/** The packet-in thread: a connection of its own to the bridge, so that a slow compile never delays an answer, nor a storm of packets a flow. */
import { parentPort, workerData } from "node:worker_threads";
import { connect, type OpenFlowSocket } from "@dragonflow/openflow";
import { PACKET_IN_CONTROLLER_ID, type Reply } from "@dragonflow/pipeline";
import { RESPONDERS } from "../apps.ts";
import { Redial } from "../switch/redial.ts";
import { Answering } from "./answering.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./protocol.ts";

const REPORT_EVERY_MS = 1000;

function isSettings(value: unknown): value is WorkerSettings {
  return typeof value === "object" && value !== null && "bridge" in value && typeof value.bridge === "string";
}

function run(
  settings: WorkerSettings,
  post: (message: FromWorker) => void,
  subscribe: (listener: (message: ToWorker) => void) => void,
): void {
  const answering = new Answering(RESPONDERS);
  const timers = new Map<string, NodeJS.Timeout>();
  let socket: OpenFlowSocket | undefined;

  const send = (replies: readonly Reply[]): void => {
    // A switch that takes no more gets no more: whoever asked asks again.
    if (socket === undefined || socket.congested || replies.length === 0) return;
    socket.send(
      replies.map(({ bytes, outPort }) => ({
        type: "packet_out" as const,
        match: { in_port: CONTROLLER_PORT },
        actions: [{ type: "output" as const, port: outPort }],
        frame: bytes,
      })),
    );
  };

  const redial = new Redial<OpenFlowSocket>((signal) => connect(settings.bridge, { signal }), {
    failed: (error) => post({ type: "problem", message: `packet-in connection: ${error.message}` }),
    up: (connection) => {
      socket = connection;
      connection.on("close", () => {
        if (socket === connection) socket = undefined;
        redial.again();
      });
      connection.on("message", (message) => {
        if (message.type !== "packet_in2") return;
        const inPort = message.metadata?.in_port;
        if (message.userdata === undefined || typeof inPort !== "number") return;
        send(answering.answer(message.userdata, message.frame, inPort));
      });
      connection.send([
        { type: "set_controller_id", controllerId: PACKET_IN_CONTROLLER_ID },
        { type: "set_packet_in_format", format: "packet_in2" },
        // A management connection gets no packets before it says how much of each it wants.
        { type: "set_config", fragments: "normal", missSendLengthBytes: 0xffff },
        { type: "set_async", packetIn: ["action"], portStatus: [], flowRemoved: [] },
      ]);
    },
  });

  subscribe((message) => {
    if (message.type === "send") {
      send([{ bytes: message.bytes, outPort: message.outPort }]);
      return;
    }
    for (const { responder, subject, row } of message.rows) {
      answering.set(responder, subject, row);
      schedule(responder, subject, row !== undefined);
    }
  });

  /** Periodic announcements, each at its own time: spread by a random first wait. */
  function schedule(responder: string, subject: number, there: boolean): void {
    const every = answering.everySeconds(responder);
    if (every === undefined) return;
    const key = `${responder} ${subject}`;
    clearTimeout(timers.get(key));
    timers.delete(key);
    if (!there) return;
    // At once, so that a changed prefix is known; then now and then.
    send(answering.announce(responder, subject));
    const again = (): void => {
      timers.set(
        key,
        setTimeout(
          () => {
            send(answering.announce(responder, subject));
            again();
          },
          every * 1000 * (0.75 + Math.random() / 4),
        ),
      );
    };
    again();
  }

  setInterval(
    () => post({ type: "report", ...answering.counts, byResponder: { ...answering.counts.byResponder } }),
    REPORT_EVERY_MS,
  );
}

/** OFPP_CONTROLLER: a packet that came from no port. */
const CONTROLLER_PORT = 0xfffffffd;

const port = parentPort;
if (port === null || !isSettings(workerData)) throw new Error("the packet-in worker is started by the controller only");
run(
  workerData,
  (message) => port.postMessage(message),
  (listener) => port.on("message", (message: ToWorker) => listener(message)),
);
