import type { Flow } from "@dragonflow/openflow";
import { TraceError } from "./errors.ts";
import { extract } from "./extract.ts";
import { FieldSet } from "./fields.ts";
import { FlowTable } from "./lookup.ts";
import type { Conntrack, PacketToTrace, Trace } from "./trace.ts";
import { type Group, Walk } from "./walk.ts";

/** What a switch holds, as it is sent or as it is read back. */
export interface SwitchContents {
  readonly flows: Iterable<Flow>;
  readonly groups?: ReadonlyMap<number, Group>;
  readonly tableName?: (table: number) => string | undefined;
  readonly ownerOf?: (flow: Flow) => string | undefined;
  readonly conntrack?: Conntrack;
}

/**
 * Follows packets through flows as Open vSwitch does, and says what became of them and why. Pure: two traces of one packet are equal. Whatever it
 * does not know how to follow makes it throw: it never guesses.
 */
export class Tracer {
  readonly #tables = new Map<number, FlowTable>();
  readonly #contents: SwitchContents;

  /** @throws {TraceError} `unsupported`: a flow matches on a field that cannot be followed. */
  constructor(contents: SwitchContents) {
    this.#contents = contents;
    for (const flow of contents.flows) {
      const table = this.#tables.get(flow.table) ?? new FlowTable();
      this.#tables.set(flow.table, table);
      table.add(flow);
    }
  }

  /** @throws {TraceError} `unsupported`, `ambiguous`, `bad-packet`. */
  trace(packet: PacketToTrace): Trace {
    const contents = this.#contents;
    const { inPort, frame, fields = {}, table = 0 } = packet;
    if (frame === undefined && packet.fields === undefined)
      throw new TraceError("bad-packet", "neither frame nor fields");
    const start = frame === undefined ? new FieldSet() : extract(frame).fields;
    start.set("in_port", inPort);
    start.assign(fields);
    const walk = new Walk(
      {
        tables: this.#tables,
        groups: contents.groups ?? new Map(),
        tableName: (number) => contents.tableName?.(number) ?? String(number),
        ownerOf: (flow) => contents.ownerOf?.(flow),
        conntrack: packet.conntrack ?? contents.conntrack,
      },
      new FieldSet(start),
      frame && { frame, fields: start },
    );
    walk.run(table);
    return { steps: walk.steps, outcomes: walk.outcomes };
  }
}
