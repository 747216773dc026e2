/**
 * `bad-question`: a protocol, a port, an address or a frame that is none, or that does not fit the two ends. `unreadable`: what the model says cannot be
 * compiled.
 */
export type ExplainCode = "bad-question" | "unreadable";

/** A packet that cannot be explained. */
export class ExplainError extends Error {
  override readonly name = "ExplainError";
  readonly code: ExplainCode;
  constructor(code: ExplainCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
