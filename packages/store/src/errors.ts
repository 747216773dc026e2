/** What a store answers when it cannot do what was asked. `code` is the stable part: it crosses the relay. */
export const STORE_ERROR_CODES = [
  "unavailable",
  "outcome-unknown",
  "full",
  "too-large",
  "invalid",
  "forbidden",
  "locked",
  "corrupt",
  "lease-lost",
  "unsupported",
] as const;
export type StoreErrorCode = (typeof STORE_ERROR_CODES)[number];

export class StoreError extends Error {
  override readonly name: string = "StoreError";
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Nothing happened; try later. */
export class Unavailable extends StoreError {
  override readonly name = "Unavailable";
  constructor(message: string, options?: ErrorOptions) {
    super("unavailable", message, options);
  }
}

/** The commit may or may not have happened: retry it with the same CommitId. */
export class OutcomeUnknown extends StoreError {
  override readonly name = "OutcomeUnknown";
  constructor(message: string, options?: ErrorOptions) {
    super("outcome-unknown", message, options);
  }
}

/** The store has no room for this write: nothing happened. Reads go on. */
export class StoreFull extends StoreError {
  override readonly name = "StoreFull";
  constructor(message: string, options?: ErrorOptions) {
    super("full", message, options);
  }
}

/** A declared limit was exceeded: nothing happened. */
export class TooLarge extends StoreError {
  override readonly name = "TooLarge";
  readonly limit: string;
  readonly allowed: number;
  readonly actual: number;
  constructor(limit: string, allowed: number, actual: number) {
    super("too-large", `${limit}: ${actual} is more than ${allowed}`);
    this.limit = limit;
    this.allowed = allowed;
    this.actual = actual;
  }
}

/** A request that no store would take: a record named twice, a bad id, a write to the leases' topic. */
export class InvalidRequest extends StoreError {
  override readonly name = "InvalidRequest";
  constructor(message: string) {
    super("invalid", message);
  }
}

/** The token does not allow it. */
export class Forbidden extends StoreError {
  override readonly name = "Forbidden";
  constructor(message: string) {
    super("forbidden", message);
  }
}

/** Another process has the store open. */
export class StoreLocked extends StoreError {
  override readonly name = "StoreLocked";
  constructor(message: string, options?: ErrorOptions) {
    super("locked", message, options);
  }
}

/** What is on the disk is not a store of ours, or is damaged beyond its torn tail. */
export class StoreCorrupt extends StoreError {
  override readonly name = "StoreCorrupt";
  constructor(message: string, options?: ErrorOptions) {
    super("corrupt", message, options);
  }
}

/** The lease that was to be taken up again has gone. */
export class LeaseLost extends StoreError {
  override readonly name = "LeaseLost";
  constructor(message: string) {
    super("lease-lost", message);
  }
}

/** What the store's capabilities say that it cannot do. */
export class Unsupported extends StoreError {
  override readonly name = "Unsupported";
  constructor(message: string) {
    super("unsupported", message);
  }
}

/** An error as its fields, and back: the same class on both sides of a wire. */
export interface ErrorFields {
  readonly code: StoreErrorCode;
  readonly message: string;
  readonly limit?: string;
  readonly allowed?: number;
  readonly actual?: number;
}
export function errorFields(error: StoreError): ErrorFields {
  const { code, message } = error;
  if (!(error instanceof TooLarge)) return { code, message };
  return { code, message, limit: error.limit, allowed: error.allowed, actual: error.actual };
}
export function errorFromFields({ code, message, limit = "", allowed = 0, actual = 0 }: ErrorFields): StoreError {
  switch (code) {
    case "unavailable":
      return new Unavailable(message);
    case "outcome-unknown":
      return new OutcomeUnknown(message);
    case "full":
      return new StoreFull(message);
    case "too-large":
      return new TooLarge(limit, allowed, actual);
    case "invalid":
      return new InvalidRequest(message);
    case "forbidden":
      return new Forbidden(message);
    case "locked":
      return new StoreLocked(message);
    case "corrupt":
      return new StoreCorrupt(message);
    case "lease-lost":
      return new LeaseLost(message);
    case "unsupported":
      return new Unsupported(message);
    default:
      return code satisfies never;
  }
}
