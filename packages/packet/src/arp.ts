import { type Reader, struct, u16, u8, type ValueOf, type Writer } from "@dragonflow/wire";
import { ip4, mac48 } from "./addresses.ts";

/** Operations of RFC 826; others exist (RFC 5494) and decode as their number. */
export const ArpOperation = { request: 1, reply: 2 } as const;

const prologue = struct({ hardwareType: u16, protocolType: u16, hardwareBytes: u8, protocolBytes: u8 });
/** `prologue | operation | senderMac | senderIp | targetMac | targetIp`, 28 bytes (RFC 826). */
const body = struct({ operation: u16, senderMac: mac48, senderIp: ip4, targetMac: mac48, targetIp: ip4 });

/** An ARP packet for IPv4 over Ethernet (RFC 826). */
export type Arp = ValueOf<typeof body>;

/** @throws {DecodeError} `unsupported` for other hardware or protocols, `truncated`. Inverse of {@link encodeArp}. */
export function decodeArp(r: Reader): Arp {
  const { hardwareType, protocolType, hardwareBytes, protocolBytes } = prologue.read(r);
  if (hardwareType !== 1 || protocolType !== 0x0800 || hardwareBytes !== 6 || protocolBytes !== 4) {
    r.fail(`ARP for hardware ${hardwareType}, protocol ${protocolType}`, "unsupported");
  }
  return body.read(r);
}

/** Writes the 28 bytes. @throws {EncodeError} `out-of-range`. */
export function encodeArp(w: Writer, arp: Arp): void {
  prologue.write(w, { hardwareType: 1, protocolType: 0x0800, hardwareBytes: 6, protocolBytes: 4 }, "arp");
  body.write(w, arp, "arp");
}
