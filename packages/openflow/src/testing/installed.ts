import type { Flow } from "../flow.ts";
import { connect } from "../socket.ts";
import { type TestSwitch, startSwitch } from "./switch.ts";

/** A flow that a real switch was given, and what became of it. */
export interface Installed {
  readonly sent: Flow;
  /** The code of the switch's error. */
  readonly refused?: string;
  /** As it was read back. */
  readonly back?: Flow;
  /** As `ovs-ofctl dump-flows --no-stats` prints it. */
  readonly text?: string;
}

export type Asked = Pick<Flow, "match" | "instructions"> & Partial<Flow>;

const FLOWS_PER_TABLE = 500;
/** Of 64 tunnel options of four bytes: all that there is room for. */
const TUNNEL_OPTIONS = Array.from({ length: 64 }, (_, n) => `{class=0x0104,type=${n},len=4}->tun_metadata${n}`).join(
  ",",
);

/** Prepares what flows may refer to: the port 1, group 1, meter 1, and all tunnel options. */
async function furnish(ovs: TestSwitch): Promise<void> {
  await ovs.vsctl("add-port", "br-int", "p1", "--", "set", "interface", "p1", "type=internal", "ofport_request=1");
  await ovs.ofctl("add-tlv-map", ovs.bridge, TUNNEL_OPTIONS);
  await ovs.ofctl("add-group", ovs.bridge, "group_id=1,type=all,bucket=actions=output:1");
  await ovs.ofctl("add-meter", ovs.bridge, "meter=1,kbps,band=type=drop,rate=1000");
}

/** Gives all flows to one real switch, each a place of its own, and reads them back. */
export async function installAll(asked: readonly Asked[]): Promise<Installed[]> {
  await using ovs = await startSwitch();
  await furnish(ovs);
  const socket = await connect(ovs.bridge);
  try {
    const sent = asked.map(
      (flow, i): Flow => ({
        ...flow,
        table: 1 + Math.floor(i / FLOWS_PER_TABLE),
        priority: 1 + (i % FLOWS_PER_TABLE),
        cookie: BigInt(i + 1),
      }),
    );
    const errors = await socket.apply(sent.map((flow) => ({ type: "flow_mod", command: "add", ...flow })));
    const refused = new Map<bigint, string>();
    for (const { request, code } of errors) if (request?.type === "flow_mod") refused.set(request.cookie, code);
    const { entries } = await socket.request({ type: "flow_desc_request", match: {} });
    const back = new Map(entries.map((entry): [bigint, Flow] => [entry.cookie, withoutStats(entry)]));
    const texts = await dump(ovs);
    return sent.map((flow) => ({
      sent: flow,
      ...found("refused", refused.get(flow.cookie)),
      ...found("back", back.get(flow.cookie)),
      ...found("text", texts.get(flow.cookie)),
    }));
  } finally {
    socket.close();
  }
}

function found<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

function withoutStats({ stats, ...flow }: Flow & { readonly stats?: unknown }): Flow {
  void stats;
  return flow;
}

async function dump(ovs: TestSwitch): Promise<Map<bigint, string>> {
  const texts = new Map<bigint, string>();
  for (const line of (await ovs.ofctl("dump-flows", "--no-stats", "--no-names", ovs.bridge)).split("\n")) {
    const cookie = /^ cookie=(0x[0-9a-f]+)/.exec(line)?.[1];
    if (cookie !== undefined) texts.set(BigInt(cookie), line.slice(1));
  }
  return texts;
}
