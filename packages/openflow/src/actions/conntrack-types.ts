import type { SubField } from "../fields/subfield.ts";
import type { ActionList } from "./nested.ts";

/** An address range in unsigned integers. */
export type NatAddresses =
  | { readonly version: 4; readonly first: number; readonly last?: number }
  | { readonly version: 6; readonly first: bigint; readonly last?: bigint };

/** What `nat(...)` says; nothing at all: translate as the connection was committed. */
export interface Nat {
  readonly translate?: "src" | "dst";
  readonly addresses?: NatAddresses;
  readonly ports?: { readonly first: number; readonly last?: number };
  readonly persistent?: true;
  readonly select?: "hash" | "random";
}

/** What `ct(...)` says. */
export interface ConnTrack {
  readonly commit?: true;
  /** Replaces a connection of the other direction. Only with `commit`. */
  readonly force?: true;
  /** Zone, or the 16 bits of a field that hold it. Absent: 0. */
  readonly zone?: number | SubField;
  /** Where the packet goes on with its ct fields filled in. */
  readonly table?: number;
  /** Port number of the protocol whose connections are followed: 21 (FTP), 69 (TFTP). */
  readonly alg?: number;
  readonly nat?: Nat;
  /** set_field of ct_mark and ct_label. Only with `commit`. */
  readonly exec?: ActionList;
}
