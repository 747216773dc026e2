/**
 * What a packet carries from stage to stage, by name. Each register is a bit-field of a 32-bit Open vSwitch register; overlaps and widths are
 * checked when this module is loaded.
 */
export interface Register {
  /** The Open vSwitch register that it is a part of. */
  readonly field: `reg${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;
  /** Lowest bit. */
  readonly start: number;
  readonly bits: number;
  readonly purpose: string;
}

export const registers = {
  network: { field: "reg0", start: 0, bits: 24, purpose: "key of the network that the packet is in" },
  fromTunnel: { field: "reg0", start: 24, bits: 1, purpose: "it came from another host" },
  fromProvider: { field: "reg0", start: 25, bits: 1, purpose: "it came from a provider network" },
  routed: { field: "reg0", start: 26, bits: 1, purpose: "a router of this host passed it on" },
  natted: { field: "reg0", start: 27, bits: 1, purpose: "an address of it was translated" },
  flooded: { field: "reg0", start: 28, bits: 1, purpose: "it is a copy of a broadcast or multicast" },
  traced: { field: "reg0", start: 29, bits: 1, purpose: "somebody follows it" },
  recheck: { field: "reg0", start: 30, bits: 1, purpose: "made to ask the rules again: it goes nowhere" },
  sourcePort: { field: "reg1", start: 0, bits: 32, purpose: "key of the local port that sent it, 0 = none" },
  destinationPort: { field: "reg2", start: 0, bits: 32, purpose: "key of the local port that it goes to" },
  router: { field: "reg3", start: 0, bits: 24, purpose: "key of the router that it is in" },
  tunnelType: { field: "reg3", start: 24, bits: 2, purpose: "encapsulation that it came in: 1 Geneve, 2 VXLAN" },
  sourceIdentity: { field: "reg4", start: 0, bits: 32, purpose: "security identity of the sender" },
  destinationIdentity: { field: "reg5", start: 0, bits: 32, purpose: "security identity of the receiver" },
  ctZone: { field: "reg6", start: 0, bits: 16, purpose: "conntrack zone in use" },
  tunnelPort: { field: "reg6", start: 16, bits: 16, purpose: "OpenFlow port of the tunnel to the receiver's host" },
} as const satisfies Readonly<Record<string, Register>>;
export type RegisterName = keyof typeof registers;

export function isRegister(name: string): name is RegisterName {
  return Object.hasOwn(registers, name);
}

/** Values of the `tunnelType` register. */
export const TUNNEL_TYPE = { geneve: 1, vxlan: 2 } as const;

/** @throws {RangeError} when two registers share a bit, or one does not fit. */
export function verifyRegisters(declared: Readonly<Record<string, Register>>): void {
  const taken = new Map<string, bigint>();
  for (const [name, { field, start, bits }] of Object.entries(declared)) {
    if (start < 0 || bits < 1 || start + bits > 32) throw new RangeError(`register ${name} does not fit ${field}`);
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(start);
    const before = taken.get(field) ?? 0n;
    if ((before & mask) !== 0n) throw new RangeError(`register ${name} overlaps another in ${field}`);
    taken.set(field, before | mask);
  }
}
verifyRegisters(registers);
