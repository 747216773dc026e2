/** The packet-in thread: a connection of its own to the bridge, so that a slow compile never delays an answer, nor a storm of packets a flow. */
import { parentPort, workerData } from "node:worker_threads";
import { connect, type Message, type OpenFlowSocket } from "@dragonflow/openflow";
import { PACKET_IN_CONTROLLER_ID } from "@dragonflow/pipeline";
import { RESPONDERS } from "../apps.ts";
import { Redial } from "../switch/redial.ts";
import { Announcer } from "./announcer.ts";
import { Answering } from "./answering.ts";
import { Outbox } from "./outbox.ts";
import { holderAnnouncements } from "./holder.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./protocol.ts";
import { warmUpFrame } from "./warm-up.ts";

const REPORT_AFTER_MS = 500;

/** A hundred VMs that start at once are answered at once, and a thousand without asking twice; a storm is more than that. */
const MOST_WAITING = 1000;

/** A packet that waits for its answer. */
interface Asked {
  readonly userdata: Uint8Array;
  readonly frame: Uint8Array;
  readonly inPort: number;
}

const SETUP: readonly Message[] = [
  { type: "set_controller_id", controllerId: PACKET_IN_CONTROLLER_ID },
  { type: "set_packet_in_format", format: "packet_in2" },
  { type: "set_async", packetIn: ["action"], portStatus: [], flowRemoved: [] },
  // A management connection gets no packets before it says how much of each it wants.
  { type: "set_config", fragments: "normal", missSendLengthBytes: 0xffff },
];

function isSettings(value: unknown): value is WorkerSettings {
  return typeof value === "object" && value !== null && "bridge" in value && typeof value.bridge === "string";
}

/** @returns takes what the controller says. */
function run({ bridge }: WorkerSettings, post: (message: FromWorker) => void): (message: ToWorker) => void {
  const answering = new Answering(RESPONDERS);
  const { counts } = answering;
  const outbox = new Outbox(() => answerWaiting());
  let waiting: Asked[] = [];
  const announcer = new Announcer(outbox, (sent) => {
    counts.announcements += sent;
    report();
  });
  const tunnels = new Set<number>();
  let reporting: NodeJS.Timeout | undefined;

  function report(): void {
    reporting ??= setTimeout(() => {
      reporting = undefined;
      post({ type: "report", counts, failure: answering.failure });
      answering.failure = undefined;
    }, REPORT_AFTER_MS);
  }

  function take(message: Message): void {
    if (message.type !== "packet_in2") return;
    report();
    counts.packets++;
    const inPort = message.metadata?.in_port;
    if (message.userdata === undefined || typeof inPort !== "number") counts.unknown++;
    else if (waiting.length < MOST_WAITING) {
      waiting.push({ userdata: message.userdata, frame: message.frame, inPort });
      answerWaiting();
    } else counts.dropped++;
  }

  /** In the order in which they asked, as long as the switch has room. */
  function answerWaiting(): void {
    let answered = 0;
    for (; answered < waiting.length && outbox.room > 0; answered++) {
      const asked = waiting[answered];
      if (asked !== undefined)
        counts.replies += outbox.send(answering.answer(asked.userdata, asked.frame, asked.inPort));
    }
    if (answered > 0) waiting = waiting.slice(answered);
  }

  const redial = new Redial<OpenFlowSocket>((signal) => connect(bridge, { signal }), {
    failed: (error) => post({ type: "problem", message: `packet-in connection: ${error.message}` }),
    up: (socket) => {
      socket.on("message", take);
      socket.on("malformed", () => {
        counts.undecodable++;
        report();
      });
      socket.on("close", (error) => {
        outbox.close();
        counts.dropped += waiting.length;
        waiting = [];
        post({ type: "problem", message: `packet-in connection: ${error.message}` });
        redial.again();
      });
      socket.apply(SETUP).then(
        (refused) => {
          for (const error of refused) post({ type: "problem", message: `packet-in connection: ${error.message}` });
          redial.proven();
          outbox.open(socket);
          announcer.opened();
          post({ type: "up" });
        },
        // Lost already: `close` tells.
        () => undefined,
      );
    },
  });

  return (message) => {
    switch (message.type) {
      case "rows":
        for (const row of message.rows) {
          answering.set(row);
          const { responder, subject } = row;
          const everySeconds = answering.everySeconds(responder);
          if (everySeconds === undefined) continue;
          const key = `${responder} ${subject}`;
          if (row.row === undefined) announcer.forget(key);
          else announcer.declare(key, everySeconds, () => answering.announce(responder, subject));
        }
        return;
      case "tunnels":
        for (const ofport of tunnels.difference(new Set(message.ofports))) {
          tunnels.delete(ofport);
          announcer.forget(`tunnel ${ofport}`);
        }
        for (const outPort of message.ofports) {
          if (tunnels.has(outPort)) continue;
          tunnels.add(outPort);
          announcer.declare(`tunnel ${outPort}`, undefined, () => [{ bytes: warmUpFrame(), outPort }]);
        }
        return;
      case "holder":
        announcer.say(`holder ${message.portId}`, holderAnnouncements(message.holder));
    }
  };
}

const port = parentPort;
if (port === null || !isSettings(workerData)) throw new Error("the packet-in thread is started by the controller only");
const tell = run(workerData, (message) => port.postMessage(message));
port.on("message", (message: ToWorker) => tell(message));
