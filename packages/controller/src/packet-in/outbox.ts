import type { OpenFlowSocket } from "@dragonflow/openflow";
import type { Reply } from "@dragonflow/pipeline";

/** Over 512 packets on their way and vswitchd drops some. */
const MAX_IN_FLIGHT = 64;
/** OFPP_CONTROLLER: a packet that came from no port. */
const CONTROLLER_PORT = 0xfffffffd;
/** OFPP_TABLE: through the pipeline. */
const TABLE_PORT = 0xfffffff9;

/** A packet that goes through the pipeline as if it had come in at this port (OpenFlow number). */
export interface Injected {
  readonly bytes: Uint8Array;
  readonly inPort: number;
}
export type Outgoing = Reply | Injected;

/**
 * Packets to the switch: so many at most that it has not taken yet. Who asked for one that is dropped asks again; a storm costs neither memory nor
 * the switch's time for flows.
 */
export class Outbox {
  readonly #onRoom: () => void;
  #socket: OpenFlowSocket | undefined;
  #inFlight = 0;
  /** Sent in this turn: one barrier for all. */
  #fresh = 0;

  /** @param onRoom the switch has taken some: there is room again. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }
  /** How many packets may be sent now. */
  get room(): number {
    return this.#socket === undefined ? 0 : MAX_IN_FLIGHT - this.#inFlight;
  }

  open(socket: OpenFlowSocket): void {
    this.#socket = socket;
    this.#inFlight = 0;
    this.#fresh = 0;
  }
  close(): void {
    this.#socket = undefined;
  }

  /** @returns how many were sent. */
  send(packets: readonly Outgoing[]): number {
    const socket = this.#socket;
    const sent = packets.slice(0, this.room);
    if (socket === undefined || sent.length === 0) return 0;
    socket.send(
      sent.map((packet) => ({
        type: "packet_out" as const,
        match: { in_port: "inPort" in packet ? packet.inPort : CONTROLLER_PORT },
        actions: [{ type: "output" as const, port: "inPort" in packet ? TABLE_PORT : packet.outPort }],
        frame: packet.bytes,
      })),
    );
    this.#inFlight += sent.length;
    if (this.#fresh === 0) queueMicrotask(() => this.#confirm(socket));
    this.#fresh += sent.length;
    return sent.length;
  }

  #confirm(socket: OpenFlowSocket): void {
    const taken = this.#fresh;
    this.#fresh = 0;
    if (this.#socket !== socket) return;
    socket.barrier().then(
      () => {
        if (this.#socket !== socket) return;
        this.#inFlight -= taken;
        this.#onRoom();
      },
      // The connection is lost: the next one begins anew.
      () => undefined,
    );
  }
}
