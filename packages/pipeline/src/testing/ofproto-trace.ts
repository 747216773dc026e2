/** The same question to a real switch: `ovs-appctl ofproto/trace`, and its answer in the terms of the tracer. */
import { type EventEmitter, once } from "node:events";
import { connect, type Socket } from "node:net";
import type { FieldName } from "@dragonflow/openflow";
import { isFieldName } from "@dragonflow/openflow";
import { parseIpv4, parseIpv6, parseMac } from "@dragonflow/packet";
import { extract } from "../trace/extract.ts";
import { FieldSet } from "../trace/fields.ts";

/** The daemon of a control socket is not there any more: nothing can be asked of it. */
export class DaemonGone extends Error {
  override readonly name = "DaemonGone";
}

/** A connection to a daemon's control socket: JSON-RPC 1.0, one call at a time, far cheaper than a process for each. */
export class ControlSocket implements Disposable {
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  #text = "";

  private constructor(socket: Socket) {
    this.#socket = socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => (this.#text += chunk));
    const ended = (cause?: Error): void => this.#gone.abort(new DaemonGone("its control socket has ended", { cause }));
    socket.on("error", (error) => ended(error));
    socket.on("close", () => ended());
  }
  /** Aborted, with a {@link DaemonGone}, once the other end is not there any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }
  static async open(path: string): Promise<ControlSocket> {
    const socket = connect(path);
    await once(socket, "connect");
    return new ControlSocket(socket);
  }
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** @throws {DaemonGone} @throws {Error} the daemon refuses. */
  async call(method: string, ...params: readonly string[]): Promise<string> {
    this.gone.throwIfAborted();
    this.#text = "";
    this.#socket.write(JSON.stringify({ id: 0, method, params }));
    for (;;) {
      await onceUnless(this.gone, this.#socket, "data");
      const reply = complete(this.#text);
      if (reply === undefined) continue;
      if (reply.error !== null) throw new Error(`${method}: ${JSON.stringify(reply.error)}`);
      if (typeof reply.result === "string") return reply.result;
    }
  }
}

/** The next such event. @throws the reason of the signal, once it is aborted. */
export async function onceUnless(gone: AbortSignal, emitter: EventEmitter, event: string): Promise<readonly unknown[]> {
  try {
    return await once(emitter, event, { signal: gone });
  } catch (error) {
    gone.throwIfAborted();
    throw error;
  }
}

function complete(text: string): { readonly result: unknown; readonly error: unknown } | undefined {
  if (!text.endsWith("}")) return undefined;
  try {
    const reply: unknown = JSON.parse(text);
    return typeof reply === "object" && reply !== null && "result" in reply && "error" in reply ? reply : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What a real switch says: the flows it met (table, priority and cookie; undefined: none), and what became of the packet. */
export interface OfprotoTrace {
  readonly lookups: readonly string[];
  readonly outcomes: readonly RealOutcome[];
  readonly text: string;
}
export type RealOutcome =
  | { readonly type: "output"; readonly port: string; readonly tunId: number | undefined; readonly packet: FieldSet }
  | { readonly type: "punt"; readonly controller: number; readonly reason: number; readonly cookie: string };

/** The cookie of the flows of the bridge that holds the tunnel endpoint, and its port to the outside: traces go through there as well. */
export const FOREIGN_COOKIE = "0xbeef";
export const UNDERLAY_PORT = "underlay";

/** @param frame what was traced, whose fields the datapath's actions change. */
export function readTrace(text: string, frame: Uint8Array): OfprotoTrace {
  const lookups = [...text.matchAll(/^ *(\d+)\. (?:No match\.|(?:\S*, )?priority (\d+)(?:, cookie (0x[0-9a-f]+))?)/gm)]
    .filter(([, , , cookie]) => cookie !== FOREIGN_COOKIE)
    .map(
      ([, table, priority, cookie = "0"]) => `${table} ${priority === undefined ? "none" : `${priority} ${cookie}`}`,
    );
  const parts = [...text.matchAll(/^Datapath actions: (.*)$/gm)].map(([, actions = ""]) => actions);
  if (parts.length === 0) throw new Error(`no datapath actions in:\n${text}`);
  // Each part takes up the packet as it was where an earlier one, in their order, gave it to connection tracking.
  const resumed = [extract(frame).fields];
  const outcomes = parts.flatMap((actions, n) => {
    const packet = resumed[n];
    if (packet === undefined) throw new Error(`nothing was resumed here:\n${text}`);
    return readActions(actions, packet, resumed);
  });
  return { lookups, outcomes, text };
}

function readActions(actions: string, packet: FieldSet, resumed: FieldSet[]): readonly RealOutcome[] {
  return split(actions).flatMap(({ name, inside }): readonly RealOutcome[] => {
    switch (name) {
      case "drop":
      case "meter":
      case "ct":
      case "ct_clear":
      case UNDERLAY_PORT:
        return [];
      case "recirc":
        resumed.push(new FieldSet(packet));
        return [];
      case "set":
        apply(split(inside)[0], packet);
        return [];
      case "push_vlan":
        packet.set("vlan_vid", 0x1000 | Number(/vid=(\d+)/.exec(inside)?.[1] ?? 0));
        return [];
      case "pop_vlan":
        packet.set("vlan_vid", 0);
        return [];
      case "clone":
      case "tnl_push":
        return readTunnel(inside, new FieldSet(packet));
      case "userspace": {
        const [, reason, cookie = "", controller] =
          /controller\(reason=(\d+).*rule_cookie=([0-9a-fx]+),controller_id=(\d+)/.exec(inside) ?? [];
        if (reason === undefined) throw new Error(`not understood: ${name}(${inside})`);
        return [{ type: "punt", reason: Number(reason), controller: Number(controller), cookie }];
      }
      default:
        if (inside !== "") throw new Error(`not understood: ${name}(${inside})`);
        return [{ type: "output", port: name, tunId: undefined, packet: new FieldSet(packet) }];
    }
  });
}

/** A tunnel is known by the interface that all of its kind share, and by its other end: `genev_sys_6081 172.31.0.2`. */
function readTunnel(inside: string, packet: FieldSet): readonly RealOutcome[] {
  const [, port] = /tnl_port\(([^)]*)\)/.exec(inside) ?? [];
  const [, remote] = /ipv4\(src=[^,]*,dst=([^,]*)/.exec(inside) ?? [];
  const [, vni] = /vni=(0x[0-9a-f]+)/.exec(inside) ?? [];
  if (port === undefined || remote === undefined) throw new Error(`not understood: clone(${inside})`);
  return [{ type: "output", port: `${port} ${remote}`, tunId: Number(vni ?? 0), packet }];
}

interface Item {
  readonly name: string;
  readonly inside: string;
}

/** `a(b,c(d)),e` is a with b,c(d) inside, and e. */
function split(list: string): readonly Item[] {
  const items: Item[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= list.length; at++) {
    const character = list[at] ?? ",";
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "," && (depth === 0 || at === list.length)) {
      const [, name = "", inside = ""] = /^([^(]*)(?:\((.*)\))?$/.exec(list.slice(start, at)) ?? [];
      if (name !== "") items.push({ name, inside });
      start = at + 1;
    }
  }
  return items;
}

/** The datapath's keys: which fields their parts are. */
const PARTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  eth: { src: "eth_src", dst: "eth_dst" },
  ipv4: { src: "ipv4_src", dst: "ipv4_dst", ttl: "ip_ttl", tos: "tos", proto: "", frag: "" },
  ipv6: { src: "ipv6_src", dst: "ipv6_dst", hlimit: "ip_ttl", tclass: "tos", label: "ipv6_label", proto: "", frag: "" },
  arp: { sip: "arp_spa", tip: "arp_tpa", op: "arp_op", sha: "arp_sha", tha: "arp_tha" },
  tcp: { src: "tcp_src", dst: "tcp_dst" },
  udp: { src: "udp_src", dst: "udp_dst" },
  icmp: { type: "icmpv4_type", code: "icmpv4_code" },
  icmpv6: { type: "icmpv6_type", code: "icmpv6_code" },
  nd: { target: "nd_target", sll: "nd_sll", tll: "nd_tll" },
  nd_ext: { nd_reserved: "nd_reserved", nd_options_type: "nd_options_type" },
};

function apply(key: Item | undefined, packet: FieldSet): void {
  const parts = key && PARTS[key.name];
  if (key === undefined || parts === undefined) throw new Error(`not understood: set(${key?.name}(${key?.inside}))`);
  for (const assignment of key.inside.split(",")) {
    const [, part = "", value = "", mask] = /^(\w+)=([^/]*)(?:\/(.*))?$/.exec(assignment) ?? [];
    const name = parts[part];
    if (name === undefined) throw new Error(`not understood: set(${key.name}(${assignment}))`);
    if (name === "") continue;
    if (name === "tos") {
      packet.set("ip_dscp", Number(value) >>> 2);
      packet.set("ip_ecn", Number(value) & 3);
    } else if (isFieldName(name)) {
      packet.setMasked(name, read(name, value), mask === undefined ? undefined : read(name, mask));
    }
  }
}

function read(field: FieldName, text: string): number | bigint {
  if (/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(text)) return parseMac(text);
  if (text.includes(":")) return parseIpv6(text);
  if (text.includes(".")) return parseIpv4(text);
  return typeof new FieldSet().get(field) === "bigint" ? BigInt(text) : Number(text);
}
