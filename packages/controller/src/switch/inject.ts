import type { Message, OpenFlowSocket } from "@dragonflow/openflow";
import type { Pipeline, Step } from "@dragonflow/pipeline";

/** A packet, and what the switch shall do with it: of steps that name groups, meters or zones it does not know any. */
export interface InjectedPacket {
  readonly frame: Uint8Array;
  readonly steps: readonly Step[];
  /** As if it had come in there. Absent: it came from no port. */
  readonly inPort?: number;
}

/** OFPP_CONTROLLER: a packet that came from no port. */
const CONTROLLER_PORT = 0xfffffffd;
const NO_NUMBERS = { group: () => 0, meter: () => 0, zone: () => 0 };

/** Resolves once the switch has taken the packets. @throws {OpenFlowError} the first that it refused. @throws {ConnectionError} */
export async function injectPackets(
  socket: OpenFlowSocket,
  packets: readonly InjectedPacket[],
  pipeline: Pipeline,
): Promise<void> {
  const messages = packets.map(({ frame, steps, inPort = CONTROLLER_PORT }): Message => {
    const actions = pipeline.bucketActions({ id: "", steps }, NO_NUMBERS);
    return { type: "packet_out", match: { in_port: inPort }, actions, frame };
  });
  const [refused] = await socket.apply(messages);
  if (refused !== undefined) throw refused;
}
