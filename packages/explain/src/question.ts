import { isIpv4, parseIp, tryParseCidr } from "@dragonflow/packet";
import { ExplainError } from "./errors.ts";

/** What kind of packet. */
export interface Service {
  /** IANA number; of ICMP that of its family (1, 58). */
  readonly protocol: number;
  /** Undefined: what the protocol and the ends say. */
  readonly family: 4 | 6 | undefined;
  /** Destination port; of ICMP the type. */
  readonly first: number | undefined;
  /** Of ICMP the code. */
  readonly second: number | undefined;
}

const NAMES: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, icmp6: 58, icmpv6: 58, sctp: 132 };
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmp6: 58, sctp: 132 } as const;

/**
 * `tcp/443`, `udp/53`, `sctp/22`, `icmp`, `icmp/8:0`, `icmp6/128`, `47` (a protocol by its number).
 * @throws {ExplainError} `bad-question`.
 */
export function parseService(text: string): Service {
  const [, name = "", rest] = /^([a-z0-9]+)(?:\/(.*))?$/i.exec(text.trim()) ?? [];
  const protocol = NAMES[name.toLowerCase()] ?? (/^\d{1,3}$/.test(name) ? Number(name) : Number.NaN);
  if (!(protocol <= 255))
    throw bad(`"${text}" is no protocol: tcp/443, udp/53, sctp/22, icmp/8:0, icmp6/128, or a number`);
  if (protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmp6) {
    const [, type, code] = /^(\d+)(?::(\d+))?$/.exec(rest ?? (protocol === PROTOCOL.icmp ? "8" : "128")) ?? [];
    return {
      protocol,
      // "icmp" alone is an echo request of whichever family the two ends have.
      family: protocol === PROTOCOL.icmp6 ? 6 : rest === undefined ? undefined : 4,
      first: upTo(255, type, text),
      second: upTo(255, code ?? "0", text),
    };
  }
  const hasPorts = protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp || protocol === PROTOCOL.sctp;
  if (!hasPorts && rest !== undefined) throw bad(`"${text}": protocol ${name} has no ports`);
  if (hasPorts && rest === undefined) throw bad(`"${text}": which port? ${name}/443`);
  const first = hasPorts ? upTo(65535, rest, text) : undefined;
  return { protocol, family: undefined, first, second: undefined };
}

function upTo(most: number, digits: string | undefined, text: string): number {
  const value = digits !== undefined && /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(value <= most)) throw bad(`"${text}": a number 0..${most} is expected behind the protocol`);
  return value;
}

/** The service as people write it. */
export function serviceText({ protocol, first, second }: Pick<Service, "protocol" | "first" | "second">): string {
  switch (protocol) {
    case PROTOCOL.icmp:
      return first === 8 && second === 0 ? "ICMP echo request" : `ICMP type ${first} code ${second}`;
    case PROTOCOL.icmp6:
      return first === 128 && second === 0 ? "ICMPv6 echo request" : `ICMPv6 type ${first} code ${second}`;
    case PROTOCOL.tcp:
      return `TCP to port ${first}`;
    case PROTOCOL.udp:
      return `UDP to port ${first}`;
    case PROTOCOL.sctp:
      return `SCTP to port ${first}`;
    default:
      return `protocol ${protocol}`;
  }
}

/** The family of an address. @throws {ExplainError} `bad-question` for what is none. */
export function familyOf(ip: string): 4 | 6 {
  if (tryParseCidr(`${ip}/${ip.includes(":") ? 128 : 32}`) === undefined) throw bad(`"${ip}" is no address`);
  return isIpv4(parseIp(ip)) ? 4 : 6;
}

/** Bytes of a frame, written as hexadecimal digits. @throws {ExplainError} `bad-question`. */
export function parseFrame(text: string): Uint8Array {
  const digits = text.replaceAll(/[\s:.]|^0x/g, "");
  if (!/^(?:[0-9a-f]{2}){14,}$/i.test(digits)) throw bad("a frame is at least 14 bytes, in hexadecimal digits");
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

const bad = (message: string): ExplainError => new ExplainError("bad-question", message);
