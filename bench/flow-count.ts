import { connect, type OpenFlowSocket } from "@dragonflow/openflow";

export async function flowsIn(socket: OpenFlowSocket): Promise<number> {
  return (await socket.request({ type: "aggregate_stats_request", match: {} })).stats.flows ?? 0;
}

/** How many flows a bridge has. */
export async function flowCount(bridge: string): Promise<number> {
  const socket = await connect(bridge);
  const count = await flowsIn(socket);
  socket.close();
  return count;
}
