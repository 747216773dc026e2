/** What the controller and its packet-in worker say to each other. */
export interface WorkerSettings {
  /** `unix:…/br-int.mgmt` or `tcp:…`. */
  readonly bridge: string;
}
/** Rows that responders answer from; `row` undefined: gone. */
export interface RowsMessage {
  readonly type: "rows";
  readonly rows: readonly { readonly responder: string; readonly subject: number; readonly row: object | undefined }[];
}
/** Sends one packet out at a port of the bridge (a tunnel that is new, so that the other end's address is resolved). */
export interface SendMessage {
  readonly type: "send";
  readonly bytes: Uint8Array;
  readonly outPort: number;
}
export type ToWorker = RowsMessage | SendMessage;

/** Packets since the last report. `undecodable`: dropped, and counted here; nothing else happens to them. */
export interface WorkerReport {
  readonly type: "report";
  readonly packets: number;
  readonly replies: number;
  readonly undecodable: number;
  readonly unknown: number;
  readonly byResponder: Readonly<Record<string, number>>;
}
export interface WorkerProblem {
  readonly type: "problem";
  readonly message: string;
}
export type FromWorker = WorkerReport | WorkerProblem;
