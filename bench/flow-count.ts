import { connect, type OpenFlowSocket } from "@dragonflow/openflow";

export async function flowsIn(socket: OpenFlowSocket): Promise<number> {
  // By tables, which know how many they have: an aggregate goes through all flows, and who asks often keeps the switch from its work.
  const { entries } = await socket.request({ type: "table_stats_request" });
  return entries.reduce((sum, { active }) => sum + active, 0);
}

/** How many flows a bridge has. */
export async function flowCount(bridge: string): Promise<number> {
  const socket = await connect(bridge);
  const count = await flowsIn(socket);
  socket.close();
  return count;
}
