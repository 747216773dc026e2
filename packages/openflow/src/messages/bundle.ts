/**
 * Several changes that take effect together or not at all; and a change that another controller made, forwarded.
 * OpenFlow 1.5.1 sections 7.3.9, 7.4.6.
 */
import { u16, u32 } from "@dragonflow/wire";
import { flags, named, structure } from "../layout.ts";
import { flowMod, packedFlowMod } from "./flow-mod.ts";
import { groupMod } from "./group.ts";
import { nested } from "./header.ts";
import { meterMod } from "./meter.ts";
import { packetOut } from "./packet.ts";
import { portMod } from "./port.ts";
import { type MessageOf, type MessageRow, standard } from "./row.ts";

/**
 * `atomic`: all or nothing, and no packet sees a part; `ordered`: in the order of the messages. The same on each
 * message of a bundle.
 */
const bundleFlags = flags(u16, { atomic: 1, ordered: 2 });
export type BundleFlag = "atomic" | "ordered";

export const bundleControl = standard(
  "bundle_control",
  33,
  structure({
    bundle: u32,
    control: named(u16, {
      open_request: 0,
      open_reply: 1,
      close_request: 2,
      close_reply: 3,
      commit_request: 4,
      commit_reply: 5,
      discard_request: 6,
      discard_reply: 7,
    }),
    flags: bundleFlags,
  }),
  "bundle_control",
);

/** What Open vSwitch 3.1 takes in a bundle. */
const bundled = nested([flowMod, packedFlowMod, groupMod, portMod, packetOut]);
export type Bundled = MessageOf<
  typeof flowMod | typeof packedFlowMod | typeof groupMod | typeof portMod | typeof packetOut
>;

interface BundleAdd {
  readonly bundle: number;
  readonly flags: readonly BundleFlag[];
  readonly message: Bundled;
}
export const bundleAddMessage: MessageRow<"bundle_add_message", BundleAdd, never> = {
  name: "bundle_add_message",
  type: 34,
  read(r, xid) {
    const bundle = r.u32("bundle");
    r.skip(2);
    const add = { bundle, flags: bundleFlags.read(r), message: bundled.read(r, xid) };
    // Experimenter properties may follow; none has a meaning here.
    r.rest();
    return add;
  },
  write(w, { bundle, flags: given, message }, xid) {
    w.u32(bundle, "bundle").u16(0);
    bundleFlags.write(w, given, "flags");
    bundled.write(w, message, xid);
  },
};

const forwarded = nested([groupMod, meterMod]);
interface RequestForward {
  readonly request: MessageOf<typeof groupMod | typeof meterMod>;
}
export const requestForward: MessageRow<"requestforward", RequestForward, never> = {
  name: "requestforward",
  type: 32,
  read: (r, xid) => ({ request: forwarded.read(r, xid) }),
  write: (w, { request }, xid) => forwarded.write(w, request, xid),
};
