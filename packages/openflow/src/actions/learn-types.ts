import type { SubField } from "../fields/subfield.ts";

/** Bits of the packet that the learned flow is made of, or a constant (a number in up to 48 bits, a bigint in more). */
export type LearnSource = SubField | number | bigint;

/** One thing that the learned flow says: matches `to`, loads into it, or outputs to the port in `from`. */
export type LearnSpec =
  | { readonly spec: "match" | "load"; readonly from: LearnSource; readonly to: SubField }
  | { readonly spec: "output"; readonly from: SubField };

/** The flow that is added or changed. */
export interface Learn {
  readonly table: number;
  readonly priority: number;
  readonly cookie?: bigint;
  readonly idleTimeoutSeconds?: number;
  readonly hardTimeoutSeconds?: number;
  /** For the learned flow's fin_timeout. */
  readonly finIdleTimeoutSeconds?: number;
  readonly finHardTimeoutSeconds?: number;
  readonly sendFlowRemoved?: true;
  /** The learned flows go with the last flow that learns them: told by table and cookie. */
  readonly deleteLearned?: true;
  /** How many flows there may be of this table and cookie. */
  readonly limit?: number;
  /** A bit that says whether there was room. */
  readonly result?: SubField;
  readonly specs: readonly LearnSpec[];
}
