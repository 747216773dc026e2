import { integer, list, object, text } from "../schema.ts";

/** An address that a port was given: `ip` in canonical text (RFC 5952 for IPv6). */
export const fixedAddress = object({ subnetId: text, ip: text });
export const addressList = list(fixedAddress);

/** A further address that a port may use (Neutron's allowed_address_pairs): `ip` an address or a prefix, `mac` lower-case with colons. */
export const addressPairs = list(object({ ip: text, mac: text }));

export const route = object({ destination: text, nexthop: text });

/** 24 bits, 0 is "none": fits the network and router registers. */
export const key24 = integer(1, 0xffffff);
/** 31 bits, 0 is "none": fits the port registers, and stays positive in signed arithmetic. */
export const key31 = integer(1, 0x7fffffff);
