/** Time as the store layer uses it: monotonic, and injected, so that tests move it by hand. */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  now(): number;
  /**
   * Runs `action` once, `milliseconds` from now; returns what cancels it.
   * @param keepsAlive the process does not end before: someone waits for it. Default: it may.
   */
  after(milliseconds: number, action: () => void, keepsAlive?: boolean): () => void;
}

/** The machine's monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, action, keepsAlive = false) {
    const timer = setTimeout(action, milliseconds);
    if (!keepsAlive) timer.unref();
    return () => clearTimeout(timer);
  },
};
