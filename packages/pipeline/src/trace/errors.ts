/**
 * `unsupported`: a field, an action or a group that the tracer does not know how to follow; it never guesses. `ambiguous`: two flows of one priority
 * match, and do different things: a switch picks either.
 */
export type TraceCode = "unsupported" | "ambiguous" | "bad-packet";

/** A packet that cannot be followed further. */
export class TraceError extends Error {
  override readonly name = "TraceError";
  readonly code: TraceCode;
  constructor(code: TraceCode, what: string) {
    super(`${code}: ${what}`);
    this.code = code;
  }
}
