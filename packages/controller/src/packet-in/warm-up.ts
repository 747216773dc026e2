import { encodePacket } from "@dragonflow/packet";

/** IEEE 802 local experimental EtherType 1: a frame that means nothing to anybody. */
const LOCAL_EXPERIMENTAL = 0x88b5;

/** A frame for nobody, in network 0: the other host drops it, and this one has learned the way there. */
export function warmUpFrame(): Uint8Array {
  return encodePacket({
    ethernet: { src: 0x020000000001, dst: 0x020000000002, etherType: LOCAL_EXPERIMENTAL },
    payload: new Uint8Array(46),
  });
}
