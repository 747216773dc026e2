/**
 * The few forms that the values of DHCPv4 options have (RFC 2132 and others), each with its wire form and the text an
 * operator writes.
 */
import {
  type Codec,
  EncodeError,
  list,
  oneOf,
  rest,
  tlvs,
  type TlvOf,
  u16,
  u32,
  u8,
  type ValueOf,
} from "@dragonflow/wire";
import { ip4, type Ipv4Address, mask4, parseIpv4 } from "./addresses.ts";
import { type Cidr4, firstAddress, isCidr4, parseCidr } from "./cidr.ts";
import { compressedNames, text } from "./domain-name.ts";

/**
 * A value with a wire form and a text form. `parse` throws {@link EncodeError} `bad-value` or `out-of-range`, naming
 * `field`.
 */
export interface OptionType<T> extends Codec<T> {
  parse(value: string, field: string): T;
}

function number(codec: Codec<number>, min: number, max: number): OptionType<number> {
  return {
    ...codec,
    parse(value, field) {
      const parsed = /^-?[0-9]{1,10}$/.test(value) ? Number(value) : Number.NaN;
      if (!(parsed >= min && parsed <= max))
        throw new EncodeError("out-of-range", field, `${value} is not ${min}..${max}`);
      return parsed;
    },
  };
}
export const byte = number(u8, 0, 0xff);
export const short = number(u16, 0, 0xffff);
export const long = number(u32, 0, 0xffffffff);
export const signedLong = number(
  { read: (r) => r.u32() | 0, write: (w, value, field) => void w.u32(value < 0 ? value + 2 ** 32 : value, field) },
  -(2 ** 31),
  2 ** 31 - 1,
);

export const flag: OptionType<boolean> = {
  read: (r) => r.u8() !== 0,
  write: (w, value) => void w.u8(value ? 1 : 0),
  parse(value, field) {
    if (value !== "0" && value !== "1") throw new EncodeError("bad-value", field, `${value} is not 0 or 1`);
    return value === "1";
  },
};
/** An option without a value: that it is there is its meaning. */
export const present: OptionType<true> = { read: () => true, write: () => undefined, parse: () => true };

export const address: OptionType<Ipv4Address> = { ...ip4, parse: parseIpv4 };
export const addresses: OptionType<Ipv4Address[]> = {
  ...list(ip4),
  parse: (value, field) => items(value).map((item) => parseIpv4(item, field)),
};
export const numbers8: OptionType<number[]> = {
  ...list(u8),
  parse: (value, field) => items(value).map((item) => byte.parse(item, field)),
};
export const numbers16: OptionType<number[]> = {
  ...list(u16),
  parse: (value, field) => items(value).map((item) => short.parse(item, field)),
};
/** Text without the NULs that some put behind it (RFC 2132 section 2). */
export const string: OptionType<string> = {
  read: (r) => text.read(r).replace(/\0+$/, ""),
  write: text.write.bind(text),
  parse: (value) => value,
};
export const names: OptionType<string[]> = { ...compressedNames, parse: (value) => items(value) };

/** Bytes as they are; in text, pairs of hexadecimal digits with colons, or else the characters themselves. */
export const raw: OptionType<Uint8Array> = {
  ...rest,
  parse(value, field) {
    if (/^[0-9a-f]{2}(?::[0-9a-f]{2})*$/i.test(value)) {
      return Uint8Array.from(value.split(":"), (pair) => Number.parseInt(pair, 16));
    }
    return Uint8Array.from(value, (character) => byte.parse(String(character.codePointAt(0)), field));
  },
};

/** Kinds of DHCP message: RFC 2132 section 9.6. */
const messageTypes = oneOf(u8, {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
});
export type Dhcp4MessageType = ValueOf<typeof messageTypes>;
export const messageType: OptionType<Dhcp4MessageType> = { ...messageTypes, parse: untold };

/** One route of RFC 3442: `prefixLength:8 | the significant bytes of the destination | gateway:32`. */
export interface ClasslessRoute {
  destination: Cidr4;
  /** 0.0.0.0: the destination is on the link. */
  gateway: Ipv4Address;
}
const route: Codec<ClasslessRoute> = {
  read(r) {
    const prefixLength = r.u8("prefix length");
    if (prefixLength > 32) r.fail(`prefix length ${prefixLength}`);
    const significant = Math.ceil(prefixLength / 8);
    const value = Number(r.uint(significant, "destination")) * 2 ** (32 - 8 * significant);
    return { destination: { address: (value & mask4(prefixLength)) >>> 0, prefixLength }, gateway: r.u32("gateway") };
  },
  write(w, { destination, gateway }, field) {
    const significant = Math.ceil(destination.prefixLength / 8);
    w.u8(destination.prefixLength, field);
    w.uint(BigInt(firstAddress(destination)) >> BigInt(32 - 8 * significant), significant, field);
    w.u32(gateway, field);
  },
};
/** In text: `10.1.0.0/16,10.0.0.1,0.0.0.0/0,10.0.0.254`. */
export const routes: OptionType<ClasslessRoute[]> = {
  ...list(route),
  parse(value, field) {
    const parts = items(value);
    if (parts.length % 2 !== 0) throw new EncodeError("bad-value", field, "a destination without a gateway");
    return Array.from({ length: parts.length / 2 }, (_, i) => {
      const destination = parseCidr(parts[2 * i] ?? "", field);
      if (!isCidr4(destination)) throw new EncodeError("bad-value", field, `${parts[2 * i]} is not IPv4`);
      return { destination, gateway: parseIpv4(parts[2 * i + 1] ?? "", field) };
    });
  },
};

const relayRows = {
  "circuit-id": { type: 1, value: { read: (r) => ({ id: r.rest() }), write: (w, { id }) => void w.bytes(id) } },
  "remote-id": { type: 2, value: { read: (r) => ({ id: r.rest() }), write: (w, { id }) => void w.bytes(id) } },
} as const satisfies Record<string, { type: number; value: Codec<{ id: Uint8Array }> }>;
/** Sub-options that a relay adds (RFC 3046 section 2). */
export const relayAgent: OptionType<TlvOf<typeof relayRows>[]> = {
  ...tlvs({ typeBytes: 1, lengthBytes: 1 }, relayRows),
  parse: untold,
};

function untold(_value: string, field: string): never {
  throw new EncodeError("unsupported", field, "an option that is not told as text");
}
function items(value: string): string[] {
  return value.split(",").map((item) => item.trim());
}
