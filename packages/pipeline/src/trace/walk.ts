import { type Action, type Flow, PortNumber } from "@dragonflow/openflow";
import { TraceError } from "./errors.ts";
import { FieldSet } from "./fields.ts";
import type { FlowTable } from "./lookup.ts";
import { Arrived, type Conntrack, type DropReason, type Original, type Outcome, type TraceStep } from "./trace.ts";

/** Limits of Open vSwitch 3.1: tables that one packet is sent to (goto counts), and resubmits to the same or an earlier table inside each other. */
const MAX_RESUBMITS = 4096;
const MAX_DEPTH = 64;
/** How often a packet comes back from connection tracking, one time inside the other (MAX_RECIRC_DEPTH of the userspace datapath). */
const MAX_RECIRCULATIONS = 6;
/** 16-bit port numbers from here on are reserved ones; a port in a register has 16 bits. */
const FIRST_RESERVED_16 = 0xff00;

/** What stands where a transport header has its ports. */
const ABOVE_IP = [
  ...(["tcp_src", "tcp_dst", "udp_src", "udp_dst", "sctp_src", "sctp_dst"] as const),
  ...(["icmpv4_type", "icmpv4_code", "icmpv6_type", "icmpv6_code"] as const),
];

export interface Group {
  /** Only `all` can be followed: each bucket gets a copy. */
  readonly type: string;
  readonly buckets: readonly (readonly Action[])[];
}
export interface Switch {
  readonly tables: ReadonlyMap<number, FlowTable>;
  readonly groups: ReadonlyMap<number, Group>;
  readonly tableName: (table: number) => string;
  readonly ownerOf: (flow: Flow) => string | undefined;
  readonly conntrack: Conntrack | undefined;
}

/** Ends the walk of every copy: a switch then does nothing of what the packet has met before. */
class ResubmitLimit extends Error {}

/** A packet, and the table where a switch begins to look what becomes of it. */
interface Translation {
  readonly table: number;
  readonly packet: FieldSet;
  readonly stack: readonly bigint[];
  /** How often it came back from connection tracking to get here. */
  readonly round: number;
}

/** One packet's way through a switch. */
export class Walk {
  readonly steps: TraceStep[] = [];
  readonly outcomes: Outcome[] = [];
  readonly #switch: Switch;
  readonly #original: Original | undefined;
  readonly #waiting: Translation[] = [];
  #stack: bigint[] = [];
  #packet: FieldSet;
  #table = 0;
  /** The first table is not entered by one. */
  #resubmits = -1;
  #nested = 0;
  #round = 0;
  #depth = 0;

  constructor(ofSwitch: Switch, packet: FieldSet, original: Original | undefined) {
    this.#switch = ofSwitch;
    this.#packet = packet;
    this.#original = original;
  }

  /** What goes on behind connection tracking has its turn after everything before it, in order: as ofproto/trace shows it. */
  run(table: number): void {
    this.#translate({ table, packet: this.#packet, stack: [], round: 0 });
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const [zone, state, mark] = (["ct_zone", "ct_state", "ct_mark"] as const).map((name) => next.packet.number(name));
      this.steps.push({ type: "tracked", zone: zone ?? 0, state: state ?? 0, mark: mark ?? 0 });
      this.#translate(next);
    }
  }

  /** Limits are those of one translation: a switch that meets one does nothing of what it has met in it. */
  #translate({ table, packet, stack, round }: Translation): void {
    const [outcomes, waiting] = [this.outcomes.length, this.#waiting.length];
    this.#packet = packet;
    this.#stack = [...stack];
    this.#round = round;
    this.#resubmits = -1;
    this.#nested = 0;
    this.#depth = 0;
    try {
      this.#enter(table, undefined);
    } catch (error) {
      if (!(error instanceof ResubmitLimit)) throw error;
      this.outcomes.length = outcomes;
      this.#waiting.length = waiting;
      this.#drop("resubmit limit");
    }
  }

  /** Looks the packet up in a table, and follows the flow that it meets there. */
  #enter(table: number, inPort: number | undefined): void {
    const before = this.#table;
    const deepens = this.#resubmits >= 0 && table <= before;
    if (this.#nested >= MAX_DEPTH || this.#resubmits >= MAX_RESUBMITS) throw new ResubmitLimit();
    this.#resubmits++;
    this.#table = table;
    const flow = this.#lookup(table, inPort);
    const tableName = this.#switch.tableName(table);
    const owner = flow && this.#switch.ownerOf(flow);
    this.steps.push({ type: "lookup", depth: this.#depth, table, tableName, flow, owner });
    this.#nested += deepens ? 1 : 0;
    if (flow === undefined) this.#drop("miss");
    else this.#follow(flow);
    this.#nested -= deepens ? 1 : 0;
    this.#table = before;
  }

  /**
   * The flow that the packet meets. Of a fragment, also of the first one, a switch looks at nothing above IP: it does so as long as nobody tells it
   * otherwise (OFPC_FRAG_NORMAL), and so that all fragments of a datagram go the same way.
   */
  #lookup(table: number, inPort: number | undefined): Flow | undefined {
    const isFragment = this.#packet.number("ip_frag") !== 0;
    if (inPort === undefined && !isFragment) return this.#switch.tables.get(table)?.find(this.#packet);
    const seen = new FieldSet(this.#packet);
    if (inPort !== undefined) seen.set("in_port", inPort);
    if (isFragment) for (const field of ABOVE_IP) seen.set(field, 0);
    return this.#switch.tables.get(table)?.find(seen);
  }

  #follow({ instructions, priority, match }: Flow): void {
    const { apply = [], clear, write, metadata, goto } = instructions;
    if (clear !== undefined || write !== undefined) throw new TraceError("unsupported", "the action set");
    const { finished, led } = this.#apply(apply);
    if (!finished) return;
    if (metadata !== undefined) this.#packet.setMasked("metadata", metadata.value, metadata.mask);
    if (goto !== undefined) this.#enter(goto, undefined);
    else if (!led) this.#drop(priority === 0 && Object.keys(match).length === 0 ? "miss" : "flow");
  }

  /** @returns `finished`: what stands behind the list follows; `led`: the packet, or a copy, went somewhere. */
  #apply(actions: readonly Action[]): { readonly finished: boolean; readonly led: boolean } {
    let led = false;
    for (const action of actions) {
      const effect = this.#act(action);
      if (effect === "stop") return { finished: false, led: true };
      led ||= effect === "led";
    }
    return { finished: true, led };
  }

  #act(action: Action): "led" | "changed" | "stop" {
    const packet = this.#packet;
    switch (action.type) {
      case "output":
        this.#output(action.port);
        return "led";
      case "output_reg": {
        const port = Number(packet.bits(action.src));
        if (port <= 0xffff) this.#output(port >= FIRST_RESERVED_16 ? port + 0xffff0000 : port);
        return "led";
      }
      case "controller":
        this.#punt(action.controller ?? 0, action.userdata);
        return "led";
      case "group":
        this.#group(action.group);
        return "led";
      case "resubmit":
        if (action.ct) throw new TraceError("unsupported", "resubmit with the fields of the connection");
        this.#depth++;
        this.#enter(action.table ?? this.#table, action.port);
        this.#depth--;
        return "led";
      case "ct":
        return this.#track(action);
      case "ct_clear":
        this.#packet = packet.untracked();
        return "changed";
      case "dec_ttl":
        return this.#decrementTtl(action.controllers ?? [0]) ? "changed" : "stop";
      case "set_field":
        if (packet.hasField(action.field)) packet.setMasked(action.field, action.value, action.mask);
        return "changed";
      case "copy_field":
        if (packet.hasField(action.src.field) && packet.hasField(action.dst.field))
          packet.setBits(action.dst, packet.bits(action.src));
        return "changed";
      case "push":
        if (packet.hasField(action.field.field)) this.#stack.push(packet.bits(action.field));
        return "changed";
      case "pop": {
        const value = this.#stack.pop();
        if (value !== undefined && packet.hasField(action.field.field)) packet.setBits(action.field, value);
        return "changed";
      }
      case "push_vlan":
        if (packet.hasVlan || action.ethertype !== 0x8100) throw new TraceError("unsupported", "several VLAN tags");
        packet.set("vlan_vid", 0x1000);
        packet.set("vlan_pcp", 0);
        return "changed";
      case "pop_vlan":
        packet.set("vlan_vid", 0);
        packet.set("vlan_pcp", 0);
        return "changed";
      // How many packets came before is not the packet's own: it is followed as if there were none.
      case "meter":
      case "note":
        return "changed";
      case "bundle":
      case "bundle_load":
      case "check_pkt_larger":
      case "clone":
      case "conjunction":
      case "debug_recirc":
      case "debug_slow":
      case "dec_mpls_ttl":
      case "dec_nsh_ttl":
      case "decap":
      case "delete_field":
      case "encap":
      case "exit":
      case "fin_timeout":
      case "learn":
      case "multipath":
      case "output_trunc":
      case "pop_mpls":
      case "pop_queue":
      case "push_mpls":
      case "sample":
      case "set_mpls_ttl":
      case "set_nw_ttl":
      case "set_queue":
        throw new TraceError("unsupported", `action ${action.type}`);
    }
  }

  #output(port: number): void {
    switch (port) {
      case PortNumber.inPort:
        this.#arrive({ type: "output", port: this.#packet.number("in_port") });
        return;
      case PortNumber.controller:
        this.#punt(0, undefined);
        return;
      case PortNumber.local:
        break;
      default:
        if (port >= PortNumber.max) throw new TraceError("unsupported", `output to reserved port ${port}`);
    }
    if (port === this.#packet.number("in_port")) this.#drop("in port");
    else this.#arrive({ type: "output", port });
  }

  #arrive(how: { readonly type: "output"; readonly port: number }): void {
    this.outcomes.push({ ...how, packet: this.#asItIs() });
  }
  #punt(controller: number, userdata: Uint8Array | undefined, reason: "action" | "invalid_ttl" = "action"): void {
    this.outcomes.push({ type: "punt", controller, reason, userdata, packet: this.#asItIs() });
  }
  #drop(reason: DropReason): void {
    const table = this.#switch.tableName(this.#table);
    this.outcomes.push({ type: "drop", table, reason, packet: this.#asItIs() });
  }
  #asItIs(): Arrived {
    return new Arrived(this.#original, new FieldSet(this.#packet));
  }

  /** Every bucket gets a copy; what it does to the copy is forgotten behind it. */
  #group(number: number): void {
    const group = this.#switch.groups.get(number);
    if (group === undefined) {
      this.#drop("no group");
      return;
    }
    if (group.type !== "all") throw new TraceError("unsupported", `a group of type ${group.type}`);
    const packet = this.#packet;
    group.buckets.forEach((actions, bucket) => {
      this.steps.push({ type: "bucket", depth: this.#depth, group: number, bucket });
      this.#packet = new FieldSet(packet);
      this.#depth++;
      if (!this.#apply(inOrderOfActionSet(actions)).led) this.#drop("flow");
      this.#depth--;
    });
    this.#packet = packet;
  }

  #track(action: Extract<Action, { type: "ct" }>): "led" | "changed" {
    const { conntrack } = this.#switch;
    if (conntrack === undefined) throw new TraceError("unsupported", "ct, without a model of connections");
    const { zone = 0, table } = action;
    const number = typeof zone === "number" ? zone : Number(this.#packet.bits(zone));
    const packet = new FieldSet(conntrack({ ...action, zone: number }, this.#packet.toObject()));
    // A copy goes on in the table, with what is known of its connection; this one goes on as one of which nothing is known.
    const round = this.#round + 1;
    if (table !== undefined && round > MAX_RECIRCULATIONS) this.#drop("recirculation limit");
    else if (table !== undefined) this.#waiting.push({ table, packet, stack: [...this.#stack], round });
    this.#packet = this.#packet.untracked();
    return table === undefined ? "changed" : "led";
  }

  /** False: the hop limit is used up, those who want to know are told, and the list of actions ends here. */
  #decrementTtl(controllers: readonly number[]): boolean {
    const packet = this.#packet;
    if (!packet.has("ip")) return true;
    const ttl = packet.number("ip_ttl");
    if (ttl > 1) {
      packet.set("ip_ttl", ttl - 1);
      return true;
    }
    for (const controller of controllers) this.#punt(controller, undefined, "invalid_ttl");
    if (controllers.length === 0) this.#drop("ttl");
    return false;
  }
}

const FINAL: ReadonlySet<string> = new Set(["output", "group", "resubmit"]);
const CHANGES: ReadonlySet<string> = new Set(["set_field", "copy_field"]);

/** The actions of a bucket are a set (OpenFlow 1.5.1 section 5.6.1): the TTL first, then fields as they stand, then where it goes. */
function inOrderOfActionSet(actions: readonly Action[]): readonly Action[] {
  const final = actions.filter(({ type }) => FINAL.has(type));
  const changes = actions.filter(({ type }) => CHANGES.has(type));
  const ttl = actions.filter(({ type }) => type === "dec_ttl");
  if (final.length > 1 || ttl.length > 1 || final.length + changes.length + ttl.length < actions.length)
    throw new TraceError("unsupported", `a bucket with ${actions.map(({ type }) => type).join(", ")}`);
  return [...ttl, ...changes, ...final];
}
