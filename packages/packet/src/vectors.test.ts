/** Every vector: read as tshark reads it, encoded to the same bytes, and cut short at every byte. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError } from "@dragonflow/wire";
import {
  DHCP4_PORT,
  DHCP6_PORT,
  decodeDhcp4,
  decodeDhcp6,
  decodePacket,
  encodeDhcp4,
  encodeDhcp6,
  encodePacket,
} from "./index.ts";
import { print, type Seen, TSHARK } from "./testing/tshark-fields.ts";
import { vectors } from "./testing/vectors.ts";

function see(bytes: Uint8Array): Seen {
  const layers = decodePacket(bytes);
  const { udp } = layers;
  const dhcp4 = udp && Object.values(DHCP4_PORT).some((port) => port === udp.destinationPort);
  const dhcp6 = udp && Object.values(DHCP6_PORT).some((port) => port === udp.destinationPort);
  return {
    layers,
    dhcp4: dhcp4 ? decodeDhcp4(layers.payload) : undefined,
    dhcp6: dhcp6 ? decodeDhcp6(layers.payload) : undefined,
  };
}

/** What tshark reads otherwise than we do, and why. */
const OTHERWISE: Readonly<Record<string, readonly string[]>> = {
  // tshark prints the final destination of a source route.
  "loose-source-route": ["ip.dst"],
  "strict-source-route": ["ip.dst"],
  // tshark prints the end of the list as an option, and every piece of a split one; to us an overload is not an option.
  "record-route-reply": ["ip.opt.type"],
  "dhcp-long-option": ["dhcp.option.type"],
  "dhcp-overload": ["dhcp.option.type"],
  // tshark reads an identifier in a message of unknown type, and the message inside a relayed one.
  "icmp-unknown-type": ["icmp.ident", "icmp.seq"],
  "dhcp6-relay-forward": ["dhcpv6.msgtype", "dhcpv6.xid"],
};

/**
 * Vectors that say what we say in another way: UDP without a checksum, names compressed, options in `file` and
 * `sname`.
 */
const NOT_OURS = [
  "udp-no-checksum",
  "dhcp-compressed-search",
  "dhcp-overload",
  "dnsmasq-offer",
  "dnsmasq-ack",
  "dnsmasq-ack-dhclient",
];

/** Without the padding behind DHCP options, which every implementation does in its own way. */
function trimmed(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
}

describe("vectors", () => {
  for (const { name, bytes, fields } of vectors) {
    test(name, () => {
      const seen = see(bytes);
      for (const [field, value] of fields) {
        if (OTHERWISE[name]?.includes(field)) continue;
        const row = TSHARK[field];
        assert.ok(row, `no row for ${field}`);
        assert.equal(print(row(seen)), value, field);
      }
      const { layers, dhcp4, dhcp6 } = seen;
      const encoded = encodePacket(layers);
      const ours = !NOT_OURS.includes(name);
      if (ours || dhcp4 !== undefined) assert.deepEqual(encoded, bytes);
      assert.deepEqual(decodePacket(encoded), layers);
      if (dhcp4 !== undefined) {
        const again = encodeDhcp4(dhcp4);
        if (ours) assert.deepEqual(trimmed(again), trimmed(layers.payload ?? new Uint8Array()));
        assert.deepEqual(decodeDhcp4(again), dhcp4);
      }
      if (dhcp6 !== undefined) assert.deepEqual(encodeDhcp6(dhcp6), layers.payload);
    });
  }

  test("cut short at any byte: a DecodeError, unless what is missing was padding or has no length of its own", () => {
    for (const { name, bytes } of vectors) {
      const { layers, dhcp4 } = see(bytes);
      const open = layers.ipv4 === undefined && layers.ipv6 === undefined && layers.arp === undefined;
      for (let length = 0; length < bytes.length; length++) {
        const cut = () => decodePacket(bytes.subarray(0, length));
        if (open && length >= 14 + 4 * layers.ethernet.vlans.length) assert.doesNotThrow(cut);
        else assert.throws(cut, DecodeError, `${name} cut to ${length} bytes`);
      }
      if (dhcp4 === undefined || layers.payload === undefined) continue;
      for (let length = 0; length < layers.payload.length; length++) {
        try {
          decodeDhcp4(layers.payload.subarray(0, length));
        } catch (e) {
          assert.ok(e instanceof DecodeError, `${name} cut to ${length} bytes: ${String(e)}`);
        }
      }
    }
  });
});
