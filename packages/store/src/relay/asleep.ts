import type { Clock } from "../clock.ts";

const ASLEEP_MILLISECONDS = 1000;

/**
 * A timer comes much later than it was due: this process was stopped, or busy with something else. What others said meanwhile waits to be read; who
 * judges their silence now would judge his own.
 */
export const wasAsleep = (due: number, clock: Clock): boolean => clock.now() - due > ASLEEP_MILLISECONDS;
