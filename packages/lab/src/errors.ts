/**
 * Why the lab refused or failed. The code is the API; the message is one line for people.
 *
 * - `not-root`, `missing-software`: the machine cannot run a lab (yet)
 * - `bad-value`: a name, an address or an option that cannot be used
 * - `exists`, `unknown`: a lab, host, VM or process that is there already, or is not there
 * - `busy`: another command holds the lab's lock for too long
 * - `broken`: the lab was left half made or half removed; `removeLab` is all that can be done with it
 * - `down`: the host's Open vSwitch does not run
 * - `tool-failed`: a command (ip, ovs-vsctl ...) failed; its own words are in the message
 * - `timeout`: something did not come up, or did not go away, in time
 */
export type LabErrorCode =
  | "not-root"
  | "missing-software"
  | "bad-value"
  | "exists"
  | "unknown"
  | "busy"
  | "broken"
  | "down"
  | "tool-failed"
  | "timeout";

export class LabError extends Error {
  override readonly name = "LabError";
  readonly code: LabErrorCode;
  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** True for the errors of node:fs and node:child_process that carry this errno name (`ENOENT` ...). */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
