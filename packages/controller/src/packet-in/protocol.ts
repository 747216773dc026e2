import type { Holder } from "@dragonflow/pipeline";
import type { Counts } from "./answering.ts";

/** What the controller and its packet-in thread say to each other. */
export interface WorkerSettings {
  /** `unix:…/br-int.mgmt` or `tcp:…`. */
  readonly bridge: string;
}
/** What one responder answers from for one subject; `row` undefined: gone. */
export interface ResponseRow {
  readonly responder: string;
  readonly subject: number;
  readonly row: object | undefined;
}
export type ToWorker =
  | { readonly type: "rows"; readonly rows: readonly ResponseRow[] }
  /** All ports (OpenFlow numbers) of tunnels: a new one is sent a packet, so that the other end's address is resolved. */
  | { readonly type: "tunnels"; readonly ofports: readonly number[] }
  /** A port came up: its network is told who holds its addresses. */
  | { readonly type: "holder"; readonly portId: string; readonly holder: Holder };

export type FromWorker =
  /** It is connected to the bridge, and gets packets. */
  | { readonly type: "up" }
  /** What it did since it was started; comes only when that has changed. `failure`: what a responder threw last. */
  | { readonly type: "report"; readonly counts: Counts; readonly failure: string | undefined }
  | { readonly type: "problem"; readonly message: string };
